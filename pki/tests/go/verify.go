// Verifies a certificate file (leaf, then intermediates) as Kubernetes and etcd do: with Go's crypto/x509.
//
// Usage: go run verify.go ROOTS.pem LEAF.pem server|client [DNS name]
package main

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
)

func read(path string) []*x509.Certificate {
	text, err := os.ReadFile(path)
	check(err)
	var list []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		certificate, err := x509.ParseCertificate(block.Bytes)
		check(err)
		list = append(list, certificate)
	}
	return list
}

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func main() {
	options := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool()}
	for _, root := range read(os.Args[1]) {
		options.Roots.AddCert(root)
	}
	chain := read(os.Args[2])
	for _, intermediate := range chain[1:] {
		options.Intermediates.AddCert(intermediate)
	}
	usage := map[string]x509.ExtKeyUsage{"server": x509.ExtKeyUsageServerAuth, "client": x509.ExtKeyUsageClientAuth}
	options.KeyUsages = []x509.ExtKeyUsage{usage[os.Args[3]]}
	if len(os.Args) > 4 {
		options.DNSName = os.Args[4]
	}
	_, err := chain[0].Verify(options)
	check(err)
}
