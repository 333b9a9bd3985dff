// Command skopeo copies one image as `skopeo copy` does, by the library that skopeo is made of: skopeo's own module is not
// published by every module proxy, and what copies is all in go.podman.io/image.
//
//	skopeo SOURCE DESTINATION    names as skopeo writes them: docker://…, oci:…, oci-archive:…
package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"go.podman.io/image/v5/copy"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/oci/archive"
	"go.podman.io/image/v5/oci/layout"
	"go.podman.io/image/v5/signature"
	"go.podman.io/image/v5/types"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: skopeo SOURCE DESTINATION")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "skopeo:", err)
		os.Exit(1)
	}
}

func run(source, destination string) error {
	from, err := parse(source)
	if err != nil {
		return err
	}
	to, err := parse(destination)
	if err != nil {
		return err
	}
	policy := &signature.Policy{Default: []signature.PolicyRequirement{signature.NewPRInsecureAcceptAnything()}}
	judge, err := signature.NewPolicyContext(policy)
	if err != nil {
		return err
	}
	defer func() { _ = judge.Destroy() }()
	plain := &types.SystemContext{DockerInsecureSkipTLSVerify: types.OptionalBoolTrue}
	options := &copy.Options{SourceCtx: plain, DestinationCtx: plain, PreserveDigests: true}
	_, err = copy.Image(context.Background(), judge, to, from, options)
	return err
}

// The transports that are compared; all of them together would bring in container storage.
func parse(name string) (types.ImageReference, error) {
	transport, rest, _ := strings.Cut(name, ":")
	switch transport {
	case "docker":
		return docker.ParseReference(rest)
	case "oci":
		return layout.ParseReference(rest)
	case "oci-archive":
		return archive.ParseReference(rest)
	}
	return nil, fmt.Errorf("unknown transport in %q", name)
}
