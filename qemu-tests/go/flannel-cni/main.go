// A stand-in for flannel's CNI plugin, whose module the Go module proxy may not have. It does what flannel's README says
// of the plugin ("Flannel Network" in Documentation/kubernetes.md, and the fields of /run/flannel/subnet.env) for one
// node: it hands the pod to the plugin `bridge` with addresses of the node's own subnet. It knows no Windows, no
// `ipam` of the user's and no garbage collection.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/containernetworking/cni/pkg/invoke"
	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"
)

const (
	defaultSubnetFile = "/run/flannel/subnet.env"
	defaultStateDir   = "/var/lib/cni/flannel"
)

// Configuration of the network, as far as this plugin reads it.
type config struct {
	types.NetConf
	SubnetFile    string         `json:"subnetFile"`
	DataDir       string         `json:"dataDir"`
	Delegate      map[string]any `json:"delegate"`
	RuntimeConfig map[string]any `json:"runtimeConfig,omitempty"`
}

// What flanneld says of this node.
type subnet map[string]string

func read(stdin []byte) (*config, error) {
	conf := &config{SubnetFile: defaultSubnetFile, DataDir: defaultStateDir, Delegate: map[string]any{}}
	if err := json.Unmarshal(stdin, conf); err != nil {
		return nil, fmt.Errorf("reading the network configuration: %w", err)
	}
	return conf, nil
}

func readSubnet(path string) (subnet, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("flanneld has not written its subnet yet: %w", err)
	}
	defer file.Close()
	values := subnet{}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if key, value, found := strings.Cut(lines.Text(), "="); found {
			values[key] = value
		}
	}
	return values, lines.Err()
}

// The configuration of the plugin that does the work: what the user gave, and the rest from flanneld.
func (conf *config) delegate(values subnet) ([]byte, error) {
	result := conf.Delegate
	result["name"] = conf.Name
	result["cniVersion"] = conf.CNIVersion
	if conf.RuntimeConfig != nil {
		result["runtimeConfig"] = conf.RuntimeConfig
	}
	fallback := func(key string, value any) {
		if _, given := result[key]; !given {
			result[key] = value
		}
	}
	fallback("type", "bridge")
	fallback("isGateway", true)
	// Either flanneld masks the pods' addresses or the plugin does, never both.
	fallback("ipMasq", values["FLANNEL_IPMASQ"] != "true")
	mtu, err := strconv.Atoi(values["FLANNEL_MTU"])
	if err != nil {
		return nil, fmt.Errorf("FLANNEL_MTU: %w", err)
	}
	fallback("mtu", mtu)
	var ranges, routes []any
	for _, family := range []string{"FLANNEL_", "FLANNEL_IPV6_"} {
		if own := values[family+"SUBNET"]; own != "" {
			// flanneld names its own address in the subnet; host-local wants the subnet.
			_, network, err := net.ParseCIDR(own)
			if err != nil {
				return nil, fmt.Errorf("%sSUBNET: %w", family, err)
			}
			ranges = append(ranges, []any{map[string]any{"subnet": network.String()}})
			for _, network := range strings.Split(values[family+"NETWORK"], ",") {
				routes = append(routes, map[string]any{"dst": network})
			}
		}
	}
	if len(ranges) == 0 {
		return nil, errors.New("flanneld names no subnet of this node")
	}
	result["ipam"] = map[string]any{"type": "host-local", "ranges": ranges, "routes": routes}
	return json.Marshal(result)
}

func (conf *config) state(containerID string) string { return filepath.Join(conf.DataDir, containerID) }

func kind(netConf []byte) (string, error) {
	var parsed types.NetConf
	if err := json.Unmarshal(netConf, &parsed); err != nil {
		return "", err
	}
	return parsed.Type, nil
}

func add(args *skel.CmdArgs) error {
	conf, err := read(args.StdinData)
	if err != nil {
		return err
	}
	values, err := readSubnet(conf.SubnetFile)
	if err != nil {
		return err
	}
	netConf, err := conf.delegate(values)
	if err != nil {
		return err
	}
	plugin, err := kind(netConf)
	if err != nil {
		return err
	}
	// Kept, so that the pod is torn down as it was set up even when the subnet has changed since.
	if err := os.MkdirAll(conf.DataDir, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(conf.state(args.ContainerID), netConf, 0o600); err != nil {
		return err
	}
	result, err := invoke.DelegateAdd(context.Background(), plugin, netConf, nil)
	if err != nil {
		return err
	}
	return result.Print()
}

// Hands what was kept of the pod to the plugin that set it up; a pod without a record has nothing left.
func kept(args *skel.CmdArgs, call func(plugin string, netConf []byte) error) (*config, error) {
	conf, err := read(args.StdinData)
	if err != nil {
		return nil, err
	}
	netConf, err := os.ReadFile(conf.state(args.ContainerID))
	if errors.Is(err, fs.ErrNotExist) {
		return conf, nil
	} else if err != nil {
		return nil, err
	}
	plugin, err := kind(netConf)
	if err != nil {
		return nil, err
	}
	return conf, call(plugin, netConf)
}

func check(args *skel.CmdArgs) error {
	_, err := kept(args, func(plugin string, netConf []byte) error {
		return invoke.DelegateCheck(context.Background(), plugin, netConf, nil)
	})
	return err
}

func del(args *skel.CmdArgs) error {
	conf, err := kept(args, func(plugin string, netConf []byte) error {
		return invoke.DelegateDel(context.Background(), plugin, netConf, nil)
	})
	if err != nil {
		return err
	}
	if err := os.Remove(conf.state(args.ContainerID)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func status(args *skel.CmdArgs) error {
	conf, err := read(args.StdinData)
	if err != nil {
		return err
	}
	_, err = readSubnet(conf.SubnetFile)
	return err
}

func main() {
	funcs := skel.CNIFuncs{Add: add, Check: check, Del: del, Status: status}
	skel.PluginMainFuncs(funcs, version.All, "flannel (stand-in of kfimg's lab)")
}
