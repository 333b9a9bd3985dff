// Command kubetypes decodes documents strictly into the types of the Kubernetes version in go.mod.
//
// Arguments are files of YAML or JSON. Each object in them is decoded: the documents of a stream, the items of a List, the
// objects that an AdmissionConfiguration embeds, and those that a ConfigMap carries as text. The answer is a JSON list on
// standard output, one entry an object, with an empty error when every field exists and has the right type.
// It exits 0 when it could answer, whatever the answers are. It does not validate values: the real components do.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	yamlstream "k8s.io/apimachinery/pkg/util/yaml"
	apiserver "k8s.io/apiserver/pkg/apis/apiserver/v1"
	audit "k8s.io/apiserver/pkg/apis/audit/v1"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	kubeconfig "k8s.io/client-go/tools/clientcmd/api/v1"
	aggregator "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	kubeproxy "k8s.io/kube-proxy/config/v1alpha1"
	kubescheduler "k8s.io/kube-scheduler/config/v1"
	kubelet "k8s.io/kubelet/config/v1beta1"
	podsecurity "k8s.io/pod-security-admission/admission/api/v1"
	"sigs.k8s.io/yaml"
)

// answer is about one object.
type answer struct {
	File  string `json:"file"`
	Place string `json:"place"` // which object of the file; empty for the only one
	Kind  string `json:"kind"`
	Name  string `json:"name"`
	Error string `json:"error"`
}

// judge collects the answers about one file.
type judge struct {
	decoder runtime.Decoder
	file    string
	answers []answer
}

func main() {
	decoder, err := strictDecoder()
	if err != nil {
		fmt.Fprintln(os.Stderr, "kubetypes:", err)
		os.Exit(1)
	}
	answers := []answer{}
	for _, file := range os.Args[1:] {
		looking := judge{decoder: decoder, file: file}
		if err := looking.stream(); err != nil {
			fmt.Fprintf(os.Stderr, "kubetypes: reading %s: %v\n", file, err)
			os.Exit(2)
		}
		answers = append(answers, looking.answers...)
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		fmt.Fprintln(os.Stderr, "kubetypes: writing the answers:", err)
		os.Exit(1)
	}
}

func strictDecoder() (runtime.Decoder, error) {
	scheme := runtime.NewScheme()
	types := runtime.NewSchemeBuilder(
		clientscheme.AddToScheme, kubeconfig.AddToScheme, aggregator.AddToScheme, apiserver.AddToScheme, audit.AddToScheme,
		kubelet.AddToScheme, kubeproxy.AddToScheme, kubescheduler.AddToScheme, podsecurity.AddToScheme,
	)
	if err := types.AddToScheme(scheme); err != nil {
		return nil, err
	}
	return serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer(), nil
}

func (j *judge) stream() error {
	text, err := os.ReadFile(j.file)
	if err != nil {
		return err
	}
	documents := yamlstream.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		j.object(document, "")
	}
}

// object decodes one object, then what it carries.
func (j *judge) object(text []byte, place string) {
	found := answer{File: j.file, Place: place}
	found.Kind, found.Name = headline(text)
	decoded, _, err := j.decoder.Decode(text, nil, nil)
	if err != nil {
		found.Error = err.Error()
	}
	j.answers = append(j.answers, found)
	switch carrier := decoded.(type) {
	case *corev1.List:
		for index, item := range carrier.Items {
			j.object(item.Raw, fmt.Sprintf("%s.items[%d]", place, index))
		}
	case *apiserver.AdmissionConfiguration:
		for _, plugin := range carrier.Plugins {
			if plugin.Configuration != nil {
				j.object(plugin.Configuration.Raw, fmt.Sprintf("%s.plugins[%s]", place, plugin.Name))
			}
		}
	case *corev1.ConfigMap:
		j.texts(carrier.Data, place)
	}
}

// texts looks for objects among the files that a ConfigMap carries.
func (j *judge) texts(data map[string]string, place string) {
	keys := make([]string, 0, len(data))
	for key := range data {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	for _, key := range keys {
		if kind, _ := headline([]byte(data[key])); kind != "" {
			j.object([]byte(data[key]), fmt.Sprintf("%s.data[%s]", place, key))
		}
	}
}

// headline reads what an object calls itself; both are empty for a text that is no object.
func headline(text []byte) (kind, name string) {
	var head struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Metadata   struct {
			Name string `json:"name"`
		} `json:"metadata"`
	}
	if yaml.Unmarshal(text, &head) != nil || head.APIVersion == "" || head.Kind == "" {
		return "", ""
	}
	return head.APIVersion + " " + head.Kind, head.Metadata.Name
}
