package check_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"bailiwick/internal/lab"
)

// authority is a certificate authority with a certificate for www.zone.example.
type authority struct {
	ca, leaf *x509.Certificate
	service  tls.Certificate
}

// newAuthority makes one. Its certificates are valid around the time of a bubble of synctest, the
// service's own until a given time.
func newAuthority(t *testing.T, name string, until time.Time) *authority {
	t.Helper()
	make := func(c, parent *x509.Certificate, signer *ecdsa.PrivateKey) (*x509.Certificate,
		*ecdsa.PrivateKey) {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if signer == nil {
			parent, signer = c, k
		}
		der, err := x509.CreateCertificate(rand.Reader, c, parent, &k.PublicKey, signer)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return cert, k
	}
	from := time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)
	a := &authority{}
	var caKey, key *ecdsa.PrivateKey
	a.ca, caKey = make(&x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true,
		Subject: pkix.Name{CommonName: "CA"}, NotBefore: from, NotAfter: from.AddDate(9, 0, 0),
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil, nil)
	a.leaf, key = make(&x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: []string{name},
		NotBefore: from, NotAfter: until}, a.ca, caKey)
	a.service = tls.Certificate{Certificate: [][]byte{a.leaf.Raw, a.ca.Raw}, PrivateKey: key}
	return a
}

// present is a service that shows the certificate.
func (a *authority) present(c net.Conn) {
	_ = tls.Server(c, &tls.Config{Certificates: []tls.Certificate{a.service}}).Handshake()
	_ = c.Close()
}

// mail is a mail server that shows the certificate after STARTTLS.
func (a *authority) mail(c net.Conn) {
	r := bufio.NewReader(c)
	fmt.Fprint(c, "220-mail.example\r\n220 ESMTP\r\n")
	for _, reply := range []string{"250-mail.example\r\n250 STARTTLS\r\n", "220 go on\r\n"} {
		if _, err := r.ReadString('\n'); err != nil {
			return
		}
		fmt.Fprint(c, reply)
	}
	a.present(c)
}

// spki returns the hash of a certificate's key, in hexadecimal.
func spki(c *x509.Certificate) string {
	return fmt.Sprintf("%x", sha256.Sum256(c.RawSubjectPublicKeyInfo))
}

// tlsaScenes have a service behind TLSA records.
func tlsaScenes(t *testing.T) []scene {
	t.Helper()
	year := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	a := newAuthority(t, "www.zone.example", year)
	old := newAuthority(t, "elsewhere.example", time.Date(1999, 6, 1, 0, 0, 0, 0, time.UTC))
	whole := fmt.Sprintf("%x", sha256.Sum256(a.ca.Raw))
	long := fmt.Sprintf("%x", sha512.Sum512(a.leaf.Raw))
	wrong := strings.Repeat("00", 32)
	oldCA := fmt.Sprintf("%x", sha256.Sum256(old.ca.Raw))
	one := func(name string, serve func(net.Conn), want []string, records ...string) scene {
		text := ordinary
		for _, r := range records {
			text += ";;_443._tcp.www TLSA " + r
		}
		return scene{name: "TLSA: " + name, want: want, zone: lab.Zone{Records: text},
			tlsa: "_443._tcp.www", service: pipe(serve)}
	}
	scenes := []scene{
		one("of the key", a.present, nil, "3 1 1 "+spki(a.leaf)),
		one("of the certificate, with SHA-512", a.present, nil, "3 0 2 "+long),
		one("of the whole certificate", a.present, nil, fmt.Sprintf("3 0 0 %x", a.leaf.Raw)),
		one("of the authority", a.present, nil, "2 0 1 "+whole),
		one("of an authority that is not presented", a.present, nil,
			fmt.Sprintf("2 0 0 %x", a.ca.Raw)),
		one("of a certificate that has expired and is of another name", old.present, nil,
			"3 1 1 "+spki(old.leaf)),
		one("of the authority of such a certificate", old.present, []string{"tlsa-mismatch"},
			"2 0 1 "+oldCA),
		one("of two certificates, for the next one", a.present, []string{"tlsa-partial"},
			"3 1 1 "+spki(a.leaf), "3 1 1 "+wrong),
		one("of another authority, and of the key", a.present, []string{"tlsa-partial"},
			"2 1 1 "+wrong, "3 1 1 "+spki(a.leaf)),
		one("of another key", a.present, []string{"tlsa-mismatch"}, "3 1 1 "+wrong),
		one("that needs a public authority", a.present, []string{"tlsa-mismatch"},
			"1 1 1 "+spki(a.leaf)),
		one("with half a hash", a.present, []string{"tlsa-malformed", "tlsa-mismatch"},
			"3 1 1 "+spki(a.leaf)[:32]),
		one("that is missing", a.present, []string{"tlsa-missing"}),
		one("of a service that is down", a.present, []string{"tlsa-unreachable"},
			"3 1 1 "+spki(a.leaf)),
		one("in an unsigned zone", a.present, []string{"tlsa-unsigned", "unsigned"},
			"3 1 1 "+spki(a.leaf)),
		one("of mail", a.mail, nil, "3 1 1 "+spki(a.leaf)),
		one("of mail, with usage 1", a.mail, []string{"tlsa-usage", "tlsa-partial"},
			"3 1 1 "+spki(a.leaf), "1 1 1 "+wrong),
		one("of mail without STARTTLS", func(c net.Conn) {
			fmt.Fprint(c, "554 no service\r\n")
		}, []string{"tlsa-unreachable"}, "3 1 1 "+spki(a.leaf)),
	}
	for i := range scenes {
		s := &scenes[i]
		switch {
		case strings.HasSuffix(s.name, "that is down"):
			s.service = refusing
		case strings.HasSuffix(s.name, "an unsigned zone"):
			s.zone.Algorithm = lab.Unsigned
		case strings.Contains(s.name, "of mail"):
			s.tlsa = "_25._tcp.www"
			s.zone.Records = strings.ReplaceAll(s.zone.Records, "_443.", "_25.")
		}
	}
	scenes[8].seen = "danefail/list#28, matteocorti/check_ssl_cert#140"
	return scenes
}
