// Command oras does what `oras cp`, `oras pull`, `oras manifest fetch`, `oras repo tags` and `oras discover` do, by the library that oras is made
// of: oras' own module is not published by every module proxy, and all that they do is in oras-go.
//
//	oras copy SOURCE DESTINATION    with all that refers to it
//	oras pull SOURCE FOLDER         the files of an artifact
//	oras manifest SOURCE            its bytes
//	oras tags SOURCE                one a line
//	oras referrers SOURCE           their digests, one a line
//
// A place is layout:FOLDER@NAME, archive:TAR@NAME or, by plain HTTP, registry:HOST/REPOSITORY@TAG-OR-DIGEST.
package main

import (
	"context"
	_ "crypto/sha512"
	"errors"
	"fmt"
	"os"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/content/file"
	"oras.land/oras-go/v2/content/oci"
	"oras.land/oras-go/v2/registry"
	"oras.land/oras-go/v2/registry/remote"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: oras COMMAND SOURCE [DESTINATION]")
		os.Exit(2)
	}
	if err := run(context.Background(), os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "oras:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, command string, places []string) error {
	from, name, err := open(ctx, places[0])
	if err != nil {
		return err
	}
	switch command {
	case "copy":
		to, target, err := open(ctx, places[1])
		if err != nil {
			return err
		}
		// Only referrers, as `oras cp -r` does; an index that holds the image is none.
		options := oras.DefaultExtendedCopyOptions
		options.FindPredecessors = func(ctx context.Context, src content.ReadOnlyGraphStorage, of v1.Descriptor) ([]v1.Descriptor, error) {
			return registry.Referrers(ctx, src, of, "")
		}
		_, err = oras.ExtendedCopy(ctx, from, name, to.(oras.Target), target, options)
		return err
	case "pull":
		to, err := file.New(places[1])
		if err != nil {
			return err
		}
		defer to.Close()
		_, err = oras.Copy(ctx, from, name, to, "", oras.DefaultCopyOptions)
		return err
	case "manifest":
		_, bytes, err := oras.FetchBytes(ctx, from, name, oras.DefaultFetchBytesOptions)
		if err == nil {
			_, err = os.Stdout.Write(bytes)
		}
		return err
	case "tags":
		tags, err := registry.Tags(ctx, from.(registry.TagLister))
		for _, tag := range tags {
			fmt.Println(tag)
		}
		return err
	case "referrers":
		return referrers(ctx, from, name)
	}
	return errors.New("no command is called " + command)
}

func referrers(ctx context.Context, from oras.ReadOnlyGraphTarget, name string) error {
	subject, err := from.Resolve(ctx, name)
	if err != nil {
		return err
	}
	var found []v1.Descriptor
	if found, err = registry.Referrers(ctx, from.(content.ReadOnlyGraphStorage), subject, ""); err != nil {
		return err
	}
	for _, one := range found {
		fmt.Println(one.Digest)
	}
	return nil
}

func open(ctx context.Context, place string) (oras.ReadOnlyGraphTarget, string, error) {
	kind, rest, _ := strings.Cut(place, ":")
	at := strings.Index(rest, "@")
	if at < 0 {
		return nil, "", errors.New("no place is called " + place)
	}
	where, name := rest[:at], rest[at+1:]
	switch kind {
	case "layout":
		store, err := oci.NewWithContext(ctx, where)
		return store, name, err
	case "archive":
		store, err := oci.NewFromTar(ctx, where)
		return store, name, err
	case "registry":
		repository, err := remote.NewRepository(where)
		if err == nil {
			repository.PlainHTTP = true
		}
		return repository, name, err
	}
	return nil, "", errors.New("no place is called " + place)
}
