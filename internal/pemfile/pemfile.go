// Package pemfile reads certificates from PEM files (RFC 7468) and leaves none of them out. The
// standard library passes over what it cannot read: a file whose third certificate was damaged on
// its way has two, and whoever is issued by the third is refused without a reason.
package pemfile

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
)

// begin and end are what the lines around an object begin with.
var begin, end = []byte("-----BEGIN "), []byte("-----END ")

// Authorities are those that certificates of others are issued by.
type Authorities struct {
	Pool *x509.CertPool
	// Last is the one that ends last: after it nobody's certificate is valid. An earlier one may
	// stand beside it because the file is that of a change, or of the whole world.
	Last *x509.Certificate
}

// readAuthorities returns the authorities in a file.
func readAuthorities(path string) (a Authorities, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return a, err
	}
	list, err := certificates(text)
	if err != nil {
		return a, fmt.Errorf("%s: %w", path, err)
	}
	a.Pool = x509.NewCertPool()
	for _, c := range list {
		a.Pool.AddCert(c)
		if a.Last == nil || c.NotAfter.After(a.Last.NotAfter) {
			a.Last = c
		}
	}
	return a, nil
}

// Roots returns the pool of the authorities in a file.
func Roots(path string) (*x509.CertPool, error) {
	a, err := readAuthorities(path)
	return a.Pool, err
}

// KeyPair returns a certificate with the chain behind it, and its key.
func KeyPair(certificate, key string) (tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return pair, err
	}
	text, err := os.ReadFile(certificate)
	if err != nil {
		return pair, err
	}
	if _, err := certificates(text); err != nil {
		return pair, fmt.Errorf("%s: %w", certificate, err)
	}
	return pair, nil
}

// certificates returns the certificates in a text. An error names the one that cannot be read, with
// its line. Text between the objects is a comment, and keys and other objects are passed over.
func certificates(text []byte) (list []*x509.Certificate, err error) {
	rest, objects := text, 0
	for {
		at := lineWith(rest, begin)
		stray := lineWith(rest, end)
		if stray >= 0 && (at < 0 || stray < at) {
			return nil, fmt.Errorf("the line before the END in line %d is damaged, or lacks its "+
				"BEGIN", lineOf(text, rest[stray:]))
		}
		if at < 0 {
			break
		}
		objects++
		object := rest[at:]
		block, after := pem.Decode(object)
		if block == nil || lineWith(object[len(begin):len(object)-len(after)], begin) >= 0 {
			return nil, fmt.Errorf("object %d, in line %d, is not valid PEM", objects,
				lineOf(text, object))
		}
		rest = after
		switch {
		case block.Type == "CERTIFICATE":
			c, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, fmt.Errorf("certificate %d, in line %d: %w", len(list)+1,
					lineOf(text, object), err)
			}
			list = append(list, c)
		case strings.HasSuffix(block.Type, " CERTIFICATE"): // OpenSSL's, which RFC 7468 lacks
			return nil, fmt.Errorf("object %d, in line %d, is of the type %s: convert it to "+
				"CERTIFICATE", objects, lineOf(text, object), block.Type)
		}
	}
	if len(list) == 0 {
		return nil, errors.New("no certificate in PEM form")
	}
	return list, nil
}

// lineWith returns where a line begins with a word, -1 if none does.
func lineWith(text, word []byte) int {
	for at := 0; ; {
		i := bytes.Index(text[at:], word)
		if i < 0 || at+i == 0 || text[at+i-1] == '\n' || text[at+i-1] == '\r' {
			if i >= 0 {
				i += at
			}
			return i
		}
		at += i + len(word)
	}
}

// lineOf returns the number of the line at which the rest of a text begins.
func lineOf(text, rest []byte) int {
	return 1 + bytes.Count(text[:len(text)-len(rest)], []byte("\n"))
}
