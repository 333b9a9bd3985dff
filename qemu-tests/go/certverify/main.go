// Command certverify lets Go's crypto/x509 judge certificate chains, as every Kubernetes component does.
//
// It reads a JSON list of questions from standard input and writes a JSON list of answers, one each, in the same order.
// It exits 0 when it could answer, whatever the answers are. Only the standard library, so any Go since 1.18 builds it.
package main

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"time"
)

// question is one chain to verify.
type question struct {
	Name  string `json:"name"`
	Roots string `json:"roots"` // PEM of the authorities that are trusted
	Chain string `json:"chain"` // PEM: the leaf first, then what it brings along
	Usage string `json:"usage"` // "server", "client" or "any"
	Host  string `json:"host"`  // DNS name or IP address that the leaf must be valid for; empty: not asked
	Time  string `json:"time"`  // RFC 3339; empty: now
}

// answer says what was found; Error is empty when the chain is valid.
type answer struct {
	Name    string   `json:"name"`
	Error   string   `json:"error"`
	Subject string   `json:"subject"`
	SANs    []string `json:"sans"`
	Length  int      `json:"length"` // certificates in the shortest valid chain, the root included
}

var usages = map[string]x509.ExtKeyUsage{
	"server": x509.ExtKeyUsageServerAuth,
	"client": x509.ExtKeyUsageClientAuth,
	"any":    x509.ExtKeyUsageAny,
}

func main() {
	var questions []question
	input := json.NewDecoder(os.Stdin)
	input.DisallowUnknownFields()
	if err := input.Decode(&questions); err != nil {
		fmt.Fprintln(os.Stderr, "certverify: reading the questions:", err)
		os.Exit(2)
	}
	answers := make([]answer, 0, len(questions))
	for _, asked := range questions {
		answers = append(answers, judge(asked))
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		fmt.Fprintln(os.Stderr, "certverify: writing the answers:", err)
		os.Exit(1)
	}
}

func judge(asked question) answer {
	found := answer{Name: asked.Name, SANs: []string{}}
	if err := verify(asked, &found); err != nil {
		found.Error = err.Error()
	}
	return found
}

func verify(asked question, found *answer) error {
	usage, known := usages[asked.Usage]
	if !known {
		return fmt.Errorf("unknown usage %q", asked.Usage)
	}
	options := x509.VerifyOptions{
		Roots:         x509.NewCertPool(),
		Intermediates: x509.NewCertPool(),
		DNSName:       asked.Host,
		KeyUsages:     []x509.ExtKeyUsage{usage},
	}
	if asked.Time != "" {
		at, err := time.Parse(time.RFC3339, asked.Time)
		if err != nil {
			return err
		}
		options.CurrentTime = at
	}
	roots, err := certificates(asked.Roots)
	if err != nil {
		return fmt.Errorf("roots: %w", err)
	}
	for _, root := range roots {
		options.Roots.AddCert(root)
	}
	chain, err := certificates(asked.Chain)
	if err != nil {
		return fmt.Errorf("chain: %w", err)
	}
	for _, intermediate := range chain[1:] {
		options.Intermediates.AddCert(intermediate)
	}
	leaf := chain[0]
	describe(leaf, found)
	chains, err := leaf.Verify(options)
	for _, valid := range chains {
		if found.Length == 0 || len(valid) < found.Length {
			found.Length = len(valid)
		}
	}
	return err
}

func describe(leaf *x509.Certificate, found *answer) {
	found.Subject = leaf.Subject.String()
	found.SANs = append(found.SANs, leaf.DNSNames...)
	for _, address := range leaf.IPAddresses {
		found.SANs = append(found.SANs, address.String())
	}
}

// certificates parses every block of a PEM text; anything but certificates in it is an error.
func certificates(text string) ([]*x509.Certificate, error) {
	var found []*x509.Certificate
	for rest := []byte(text); ; {
		block, after := pem.Decode(rest)
		if block == nil {
			break
		}
		rest = after
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("a %s among the certificates", block.Type)
		}
		parsed, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		found = append(found, parsed)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no certificate")
	}
	return found, nil
}
