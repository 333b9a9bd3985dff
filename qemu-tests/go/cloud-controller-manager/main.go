// Command cloud-controller-manager is that of a cloud that exists for tests: the real controllers of k8s.io/cloud-provider, over a list
// of machines that stands in a ConfigMap of the cluster itself (machine: address) instead of a cloud's own API.
//
// A machine that is not in the list is none of the cloud's: its Node is not initialised, and goes when it is not Ready. A cloud without a
// list does not answer: nothing is initialised, and nothing goes.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	cloudprovider "k8s.io/cloud-provider"
	"k8s.io/cloud-provider/app"
	"k8s.io/cloud-provider/app/config"
	"k8s.io/cloud-provider/names"
	"k8s.io/cloud-provider/options"
	"k8s.io/component-base/cli"
	"k8s.io/component-base/cli/flag"
	"k8s.io/klog/v2"
)

const (
	// provider is the value of --cloud-provider, and how provider ids begin.
	provider = "example"
	// machines is the ConfigMap in kube-system.
	machines = "cloud-machines"
)

func main() {
	cloudprovider.RegisterCloudProvider(provider, func(io.Reader) (cloudprovider.Interface, error) { return &cloud{}, nil })
	settings, err := options.NewCloudControllerManagerOptions()
	if err != nil {
		klog.Fatal(err)
	}
	open := func(config *config.CompletedConfig) cloudprovider.Interface {
		wanted := config.ComponentConfig.KubeCloudShared.CloudProvider
		cloud, err := cloudprovider.InitCloudProvider(wanted.Name, wanted.CloudConfigFile)
		if err != nil || cloud == nil {
			klog.Fatalf("--cloud-provider=%s is not %s: %v", wanted.Name, provider, err)
		}
		return cloud
	}
	os.Exit(cli.Run(app.NewCloudControllerManagerCommand(settings, open, app.DefaultInitFuncConstructors,
		names.CCMControllerAliases(), flag.NamedFlagSets{}, wait.NeverStop)))
}

// cloud knows machines, and neither balancers nor routes.
type cloud struct{ client kubernetes.Interface }

func (c *cloud) Initialize(builder cloudprovider.ControllerClientBuilder, _ <-chan struct{}) {
	c.client = builder.ClientOrDie("cloud")
}
func (c *cloud) LoadBalancer() (cloudprovider.LoadBalancer, bool) { return nil, false }
func (c *cloud) Instances() (cloudprovider.Instances, bool)       { return nil, false }
func (c *cloud) InstancesV2() (cloudprovider.InstancesV2, bool)   { return c, true }
func (c *cloud) Zones() (cloudprovider.Zones, bool)               { return nil, false }
func (c *cloud) Clusters() (cloudprovider.Clusters, bool)         { return nil, false }
func (c *cloud) Routes() (cloudprovider.Routes, bool)             { return nil, false }
func (c *cloud) ProviderName() string                             { return provider }
func (c *cloud) HasClusterID() bool                               { return true }

// address is that of a Node's machine; empty where the cloud has no such machine.
func (c *cloud) address(ctx context.Context, node string) (string, error) {
	list, err := c.client.CoreV1().ConfigMaps("kube-system").Get(ctx, machines, metav1.GetOptions{})
	if err != nil {
		return "", fmt.Errorf("the cloud does not answer: %w", err)
	}
	return list.Data[node], nil
}

func (c *cloud) InstanceExists(ctx context.Context, node *v1.Node) (bool, error) {
	address, err := c.address(ctx, node.Name)
	return address != "", err
}

func (c *cloud) InstanceShutdown(context.Context, *v1.Node) (bool, error) { return false, nil }

func (c *cloud) InstanceMetadata(ctx context.Context, node *v1.Node) (*cloudprovider.InstanceMetadata, error) {
	address, err := c.address(ctx, node.Name)
	if err != nil {
		return nil, err
	}
	if address == "" {
		return nil, fmt.Errorf("%s: %w", node.Name, cloudprovider.InstanceNotFound)
	}
	return &cloudprovider.InstanceMetadata{
		ProviderID:   provider + "://" + node.Name,
		InstanceType: "small",
		NodeAddresses: []v1.NodeAddress{
			{Type: v1.NodeHostName, Address: node.Name},
			{Type: v1.NodeInternalIP, Address: address},
		},
		Zone:   "north-1",
		Region: "north",
	}, nil
}
