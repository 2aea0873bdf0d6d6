// The certificates that a configuration names beside those of its encrypted listeners.

package snapshot

import (
	"crypto/tls"
	"crypto/x509"
	"slices"
	"time"

	"bailiwick/internal/config"
	"bailiwick/internal/pemfile"
	"bailiwick/transport"
)

// namedFile is a file with certificates, by the key that names it.
type namedFile struct{ key, path string }

// Named are the files of a certificate, or of authorities, that a configuration names for questions
// to others. They are read again when they change.
type Named struct {
	Key   string // of the configuration
	files renewed
}

// renewed is a certificate, or authorities, as they are in their files at the moment.
type renewed interface {
	Refresh() error
	Leaf() *x509.Certificate
}

// Refresh reads the files again if they have changed. After an error the certificate is the one
// from before, and that of the next handshakes.
func (n *Named) Refresh() error { return n.files.Refresh() }

// Leaf returns the certificate, or the authority that ends last.
func (n *Named) Leaf() *x509.Certificate { return n.files.Leaf() }

// Pool returns the authorities, nil if it is a certificate that is shown.
func (n *Named) Pool() *x509.CertPool {
	if t, ok := n.files.(*pemfile.Trusted); ok {
		return t.Pool()
	}
	return nil
}

// authorityFiles returns the files of authorities, but for that of the admin listener's clients.
func authorityFiles(cfg *config.Config) (all []namedFile) {
	add := func(key, path string) {
		if f := (namedFile{key, path}); path != "" && !slices.Contains(all, f) {
			all = append(all, f)
		}
	}
	for _, p := range cfg.Policies() {
		for i := range p.Zones {
			add(p.Zones[i].Key+".tls_ca", p.Zones[i].TLSRoots)
		}
	}
	held := func(z *config.HeldZone) { add(z.Key+".tls_ca", z.TLSRoots) }
	for i := range cfg.Held {
		held(&cfg.Held[i])
	}
	for i := range cfg.RPZ {
		held(&cfg.RPZ[i].HeldZone)
	}
	for i := range cfg.Catalogs {
		held(&cfg.Catalogs[i].HeldZone)
		held(&cfg.Catalogs[i].Members.HeldZone)
	}
	for i := range cfg.CatalogGroups {
		held(&cfg.CatalogGroups[i].Members.HeldZone)
	}
	add("fleet.tls_ca", cfg.Fleet.TLSRoots)
	add("tracing.tls_ca", cfg.Tracing.TLSRoots)
	add("tls.acme.ca", cfg.ACME.TLSRoots)
	add(anchorCA, cfg.Anchors.CA)
	return all
}

// shown returns the files of certificates that this server shows to others as their client.
func shown(cfg *config.Config) (keys []string, files []transport.CertificateFile) {
	add := func(key string, f transport.CertificateFile) {
		if f.Certificate != "" && f.Key != "" && !slices.Contains(keys, key) {
			keys, files = append(keys, key), append(files, f)
		}
	}
	for _, p := range cfg.Policies() {
		for i := range p.Zones {
			add(p.Zones[i].Key+".tls_certificate", p.Zones[i].TLSCertificate)
		}
	}
	add("tracing.tls_certificate", transport.CertificateFile{
		Certificate: cfg.Tracing.TLSCertificate, Key: cfg.Tracing.TLSKey})
	add("fleet.tls_certificate", transport.CertificateFile{
		Certificate: cfg.Fleet.TLSCertificate, Key: cfg.Fleet.TLSKey})
	return keys, files
}

// loadNamed returns the certificates that a configuration names for questions to others. What
// cannot be read is found by who uses it.
func loadNamed(cfg *config.Config) (all []Named, found config.Findings) {
	keys, files := shown(cfg)
	for i, f := range files {
		if own, err := pemfile.OpenOwn(f.Certificate, f.Key); err == nil {
			all = append(all, Named{keys[i], own})
			found = append(found, aboutCertificate(cfg, keys[i], f, own.Leaf())...)
		}
	}
	for _, f := range authorityFiles(cfg) {
		if r, err := pemfile.OpenTrusted(f.path); err == nil {
			all = append(all, Named{f.key, r})
			found = append(found, aboutAuthority(cfg, f, r.Leaf())...)
		}
	}
	return all, found
}

// aboutAuthority finds authorities that have ended, or soon will.
func aboutAuthority(cfg *config.Config, f namedFile, last *x509.Certificate) config.Findings {
	now, end := time.Now(), last.NotAfter.Format(time.DateOnly)
	switch {
	case now.After(last.NotAfter):
		return config.Findings{cfg.Warning(f.key, "the authorities in %s have expired by %s: "+
			"nobody's certificate is valid", f.path, end)}
	case transport.EndsSoon(last, now, certificateSoon):
		return config.Findings{cfg.Warning(f.key, "the authorities in %s expire by %s", f.path,
			end)}
	}
	return nil
}

// anchorCA is the key of the file of who signs the published trust anchors.
const anchorCA = "trust_anchors.ca"

// AnchorRoots returns the certificates that the download of trust anchors is signed by. While their
// file is broken they are those that it held before.
func (s *Snapshot) AnchorRoots() (*x509.CertPool, error) {
	for i := range s.Named {
		if n := &s.Named[i]; n.Key == anchorCA {
			return n.Pool(), nil
		}
	}
	return AnchorRoots(s.Config.Anchors.CA)
}

// InForce returns all certificates of the configuration that can end: those of the listeners as
// they are now, those of them that an authority issues, and all others that it names.
func (s *Snapshot) InForce(listeners, issued transport.CertificateSource) (
	all []transport.NamedCertificate) {
	stale := listeners != nil && listeners.Refresh() != nil
	for _, c := range certificatesOf(listeners) {
		named := transport.NamedCertificate{Key: "tls.certificates", From: transport.FromFile,
			Leaf: c.Leaf, Stale: stale}
		if slices.Contains(certificatesOf(issued), c) {
			named.Key, named.From, named.Stale = "tls.acme", transport.FromAuthority, false
		}
		all = append(all, named)
	}
	if s.Admin != nil {
		own, clients, err := s.Admin.Certificates()
		stale := err != nil
		all = append(all, transport.NamedCertificate{Key: "admin.tls_certificate",
			From: transport.FromFile, Leaf: own, Stale: stale})
		if clients != nil {
			all = append(all, transport.NamedCertificate{Key: "admin.client_ca",
				From: transport.FromFile, Leaf: clients, Stale: stale})
		}
	}
	for _, n := range s.Named {
		err := n.Refresh()
		all = append(all, transport.NamedCertificate{Key: n.Key, From: transport.FromFile,
			Leaf: n.Leaf(), Stale: err != nil})
	}
	place := map[string]int{} // no two are the same series of a metric
	for i := range all {
		all[i].Index = place[all[i].Key]
		place[all[i].Key]++
	}
	return all
}

// certificatesOf returns the certificates of a source, none without one.
func certificatesOf(s transport.CertificateSource) []*tls.Certificate {
	if s == nil {
		return nil
	}
	return s.All()
}
