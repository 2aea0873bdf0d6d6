// What the admin listener encrypts with.

package snapshot

import (
	"bailiwick/internal/config"
	"bailiwick/internal/console"
	"bailiwick/transport"
)

// loadAdmin reads the certificates of the admin listener, nil for none.
func loadAdmin(cfg *config.Config) (*console.Encryption, config.Findings) {
	c := &cfg.Console
	if c.TLSCertificate == "" || c.TLSKey == "" {
		return nil, nil
	}
	const key = "admin.tls_certificate"
	file := transport.CertificateFile{Certificate: c.TLSCertificate, Key: c.TLSKey}
	own, err := transport.LoadCertificates([]transport.CertificateFile{file})
	if err != nil {
		return nil, config.Findings{cfg.Error(key, "%v", err)}
	}
	found := aboutCertificate(cfg, key, file, own.All()[0].Leaf)
	e, err := console.NewEncryption(own, c.ClientCA)
	if err != nil {
		return nil, append(found, cfg.Error("admin.client_ca", "%v", err))
	}
	if _, clients, _ := e.Certificates(); clients != nil {
		found = append(found, aboutAuthority(cfg, namedFile{"admin.client_ca", c.ClientCA},
			clients)...)
	}
	return e, found
}
