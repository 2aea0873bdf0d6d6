// Everything that serve does with a configuration short of opening sockets: `config check` does the
// same, so that it finds whatever serve would refuse.

package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"bailiwick/internal/clock"
	"bailiwick/internal/config"
	"bailiwick/resolver"
	"bailiwick/server"
	"bailiwick/transport"
	"bailiwick/trustanchor"
	"bailiwick/validator"
)

// parts are what a configuration says and names, loaded.
type parts struct {
	anchors      *trustanchor.Set
	certificates transport.CertificateSource // nil if nothing is encrypted
	resolver     resolver.Config
	server       server.Config
}

// certificateSoon is how long before its end a certificate is worth a warning.
const certificateSoon = 7 * 24 * time.Hour

// maxSocketPath is the longest path of a Unix socket on any system that this runs on, in octets.
const maxSocketPath = 103

// readConfig reads a file; the default configuration if there is none.
func readConfig(file string) (*config.Config, config.Findings) {
	if file == "" {
		return config.Default(), nil
	}
	return config.Read(file)
}

// prepare loads what a configuration names, all of it, and says what is wrong or dangerous.
func prepare(cfg *config.Config) (p *parts, found config.Findings) {
	p = &parts{}
	add := func(f config.Findings) { found = append(found, f...) }
	var f config.Findings
	if _, moves := clock.Default().(interface{ Set(time.Time) }); !cfg.ClockStart.IsZero() &&
		!moves {
		add(config.Findings{cfg.Error("clock.start",
			"clock.start is for builds with the tag testclock")})
	}
	p.anchors, f = loadAnchors(cfg)
	add(f)
	p.certificates, f = loadCertificates(cfg)
	add(f)
	p.resolver, f = resolverConfig(cfg)
	add(f)
	var err error
	if p.server, err = serverConfig(cfg); err != nil {
		add(config.Findings{cfg.Error("server", "%v", err)})
	}
	if _, err := transport.NewTickets(cfg.TicketSecret, cfg.TicketRotation); err != nil {
		add(config.Findings{cfg.Error("tls.ticket_secret", "%v", err)})
	}
	if why := unfitSocket(cfg.ControlSocket); why != "" {
		add(config.Findings{cfg.Error("control.socket", "control socket %s: %s", cfg.ControlSocket,
			why)})
	}
	add(cfg.Warnings())
	return p, found.Sorted()
}

// unfitSocket says why no socket can be made at a path, "" if nothing speaks against it.
func unfitSocket(path string) string {
	if path == "" || path == autoSocket {
		return ""
	}
	if len(path) > maxSocketPath {
		return fmt.Sprintf("the path has %d octets, sockets take up to %d", len(path),
			maxSocketPath)
	}
	folder := filepath.Dir(path)
	if st, err := os.Stat(folder); err != nil {
		return err.Error()
	} else if !st.IsDir() {
		return folder + " is no folder"
	}
	if st, err := os.Lstat(path); err == nil && st.Mode()&os.ModeSocket == 0 {
		return "there is something else than a socket"
	}
	return ""
}

// loadAnchors collects the trust anchors. A server without any would validate nothing: that has
// to be meant.
func loadAnchors(cfg *config.Config) (*trustanchor.Set, config.Findings) {
	var found config.Findings
	set := &trustanchor.Set{}
	if cfg.BuiltinAnchors {
		set = trustanchor.Builtin()
	}
	for i, r := range cfg.AnchorRecords {
		if err := set.Add(r); err != nil {
			found = append(found, aboutAnchor(cfg, config.Item("trust_anchors.records", i), err))
		}
	}
	if cfg.AnchorFile != "" {
		if err := set.AddFile(cfg.AnchorFile); err != nil {
			for _, e := range errorsOf(err) {
				found = append(found, aboutAnchor(cfg, "trust_anchors.file", e))
			}
		}
	}
	for _, n := range cfg.Insecure {
		set.AddNegativeName(n)
	}
	for _, z := range cfg.Zones {
		if z.Insecure {
			set.AddNegativeName(z.Name)
		}
	}
	v := validator.New(validator.Policy{SHA1: cfg.SHA1, SignatureCache: 1})
	for _, zone := range set.Zones() {
		if ds, _ := set.At(zone); ds != nil {
			if usable, why := v.UsableDS(ds); len(usable) == 0 {
				found = append(found, cfg.Warning("trust_anchors",
					"no trust anchor of zone %s can be used: its names are not validated (%s)",
					zone, why.Text()))
			}
		}
	}
	if len(found) == 0 && len(set.Zones()) == 0 {
		if f := cfg.NoAnchor(); f != nil {
			found = append(found, f)
		}
	}
	return set, found
}

// aboutAnchor is the finding of an anchor that is wrong. One that can match no key fails closed by
// itself: serve says so and answers for all other zones, as Unbound does; BIND and Knot Resolver
// refuse to start, or to load it.
func aboutAnchor(cfg *config.Config, key string, err error) *config.Finding {
	f := cfg.Error(key, "%v", err)
	if errors.Is(err, trustanchor.ErrNeverMatches) {
		f.Alarm = "a trust anchor can match no key"
	}
	return f
}

// loadCertificates returns the certificates of the configuration; nil if no listener needs any.
func loadCertificates(cfg *config.Config) (transport.CertificateSource, config.Findings) {
	var found config.Findings
	for i, f := range cfg.Certificates {
		key := config.Item("tls.certificates", i)
		one, err := transport.LoadCertificates([]transport.CertificateFile{f})
		if err != nil {
			found = append(found, cfg.Error(key, "%v", err))
			continue
		}
		found = append(found, aboutCertificate(cfg, key, f, one.All()[0])...)
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
	case len(cfg.Certificates) == 0:
		return nil, append(found, cfg.Error(cfg.EncryptedKey(),
			"%s need tls.certificates", config.EncryptedKeys()))
	}
	s, err := transport.LoadCertificates(cfg.Certificates)
	if err != nil {
		found = append(found, cfg.Error("tls.certificates", "%v", err))
	}
	return s, found
}

// aboutCertificate finds what is dangerous about one that can be used.
func aboutCertificate(cfg *config.Config, key string, f transport.CertificateFile,
	c *tls.Certificate) (found config.Findings) {
	now := time.Now()
	switch end := c.Leaf.NotAfter; {
	case now.After(end):
		found = append(found, cfg.Warning(key,
			"certificate %s has expired on %s: clients will not trust it", f.Certificate,
			end.Format(time.DateOnly)))
	case now.Add(certificateSoon).After(end):
		found = append(found, cfg.Warning(key, "certificate %s expires on %s", f.Certificate,
			end.Format(time.DateOnly)))
	case now.Before(c.Leaf.NotBefore):
		found = append(found, cfg.Warning(key,
			"certificate %s begins on %s: clients will not trust it",
			f.Certificate, c.Leaf.NotBefore.Format(time.DateOnly)))
	}
	if st, err := os.Stat(f.Key); err == nil && st.Mode().Perm()&0o004 != 0 {
		found = append(found, cfg.Warning(key, "key %s can be read by everybody on this machine",
			f.Key))
	}
	return found
}

// refuse prints findings, each on a line that editors understand, and is the error if serve cannot
// go on with them.
func refuse(out io.Writer, file string, found config.Findings) error {
	for _, f := range found {
		fmt.Fprintln(out, f)
	}
	n := len(found.Errors())
	if n == 0 {
		return nil
	}
	if file == "" {
		file = "the configuration"
	}
	return &exitError{errors.New(file + ": " + plural(n, "error")), 1}
}

// plural counts things, in words.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
