// The certificates of listeners.

package snapshot

import (
	"crypto/x509"
	"net/netip"
	"time"

	"bailiwick/internal/config"
	"bailiwick/internal/secrets"
	"bailiwick/transport"
)

// certificateSoon is how long before its end a certificate is worth a warning, see
// [transport.EndsSoon].
const certificateSoon = 7 * 24 * time.Hour

// labAddresses are the addresses in a lab's certificate.
var labAddresses = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}

// LoadCertificates returns the certificates of the configuration; nil if no listener needs any.
// That from an authority is not among them.
func LoadCertificates(cfg *config.Config) (transport.CertificateSource, config.Findings) {
	var found config.Findings
	for i, f := range cfg.Transport.Certificates {
		key := config.Item("tls.certificates", i)
		one, err := transport.LoadCertificates([]transport.CertificateFile{f})
		if err != nil {
			found = append(found, cfg.Error(key, "%v", err))
			continue
		}
		found = append(found, aboutCertificate(cfg, key, f, one.All()[0].Leaf)...)
	}
	switch {
	case !cfg.Encrypted() || found.Err() != nil:
		return nil, found
	case cfg.SelfSigned:
		s, err := transport.SelfSigned(time.Now(), []string{"localhost"}, labAddresses)
		if err != nil {
			found = append(found, cfg.Error("tls.certificates", "%v", err))
		}
		return s, found
	case len(cfg.Transport.Certificates) == 0 && !cfg.ACME.On():
		return nil, append(found, cfg.Error(cfg.EncryptedKey(),
			"%s need tls.certificates or tls.acme", config.EncryptedKeys()))
	}
	s, err := transport.LoadCertificates(cfg.Transport.Certificates)
	if err != nil {
		found = append(found, cfg.Error("tls.certificates", "%v", err))
	}
	return s, found
}

// aboutCertificate finds what is dangerous about one that can be used.
func aboutCertificate(cfg *config.Config, key string, f transport.CertificateFile,
	leaf *x509.Certificate) (found config.Findings) {
	now := time.Now()
	switch end := leaf.NotAfter; {
	case now.After(end):
		found = append(found, cfg.Warning(key,
			"certificate %s has expired on %s: it will not be trusted", f.Certificate,
			end.Format(time.DateOnly)))
	case transport.EndsSoon(leaf, now, certificateSoon):
		found = append(found, cfg.Warning(key, "certificate %s expires on %s", f.Certificate,
			end.Format(time.DateOnly)))
	case now.Before(leaf.NotBefore):
		found = append(found, cfg.Warning(key,
			"certificate %s begins on %s: it will not be trusted",
			f.Certificate, leaf.NotBefore.Format(time.DateOnly)))
	}
	if secrets.Exposed(f.Key) {
		found = append(found, cfg.Warning(key, "key %s can be read by everybody on this machine",
			f.Key))
	}
	return found
}
