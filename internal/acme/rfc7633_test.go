package acme

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"strings"
	"testing"
	"time"
)

// An authority may issue what nobody has asked for: a certificate that promises OCSP responses is
// not what was ordered, as no client could use it.
func TestRFC7633MustStaple(t *testing.T) {
	s := &Settings{Config: Config{Names: []string{"dns.example"}}}
	now := time.Now()
	leaf := &x509.Certificate{DNSNames: s.Names, NotAfter: now.Add(time.Hour)}
	if err := s.fits(leaf, now); err != nil {
		t.Fatal(err)
	}
	leaf.Extensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24},
		Value: []byte{0x30, 0x03, 0x02, 0x01, 0x05}}}
	if err := s.fits(leaf, now); err == nil || !strings.Contains(err.Error(), "must-staple") {
		t.Error(err)
	}
}
