// Package roots reads files of the authorities that certificates of others are issued by.
package roots

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
)

// Roots are the authorities of a file.
type Roots struct {
	Pool *x509.CertPool
	// Last is the authority that ends last: after it nobody's certificate is valid. An earlier
	// one may stand beside it because the file is that of a change, or of the whole world.
	Last *x509.Certificate
}

// Read reads a PEM file. As x509.CertPool it passes over blocks that are no certificates; a file
// without any is an error.
func Read(path string) (Roots, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Roots{}, err
	}
	r := Roots{Pool: x509.NewCertPool()}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			continue
		}
		r.Pool.AddCert(c)
		if r.Last == nil || c.NotAfter.After(r.Last.NotAfter) {
			r.Last = c
		}
	}
	if r.Last == nil {
		return Roots{}, fmt.Errorf("%s holds no certificate", path)
	}
	return r, nil
}
