// Log lines of the server's start, its end and its certificates.

package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"bailiwick/internal/config"
	"bailiwick/transport"
	"bailiwick/wire"
)

// logFindings logs everything wrong or dangerous in the configuration, and returns an error if
// serve cannot continue with it. One with an anchor that can match no key does not end a server
// that people depend on: it is logged as an error.
func logFindings(log *slog.Logger, out io.Writer, cfg *config.Config, found config.Findings) error {
	var fatal config.Findings
	for _, f := range found.Sorted() {
		switch place := f.Place(); {
		case f.Alarm != "":
			log.Error(f.Alarm, "at", place, "detail", f.Text)
		case f.Warning:
			log.Warn("configuration", "at", place, "detail", f.Text)
		case cfg.Log.JSON():
			log.Error("configuration", "at", place, "detail", f.Text)
			fatal = append(fatal, f)
		default:
			fatal = append(fatal, f)
		}
	}
	if len(fatal) > 0 && cfg.Log.JSON() {
		return &exitError{nil, 1}
	}
	return refuse(out, cfg.File(), fatal)
}

// finalError returns the error that ends the server, for main to print. If the log is in JSON, for
// programs, it is logged instead.
func finalError(log *slog.Logger, cfg *config.Config, err error) error {
	if !cfg.Log.JSON() {
		return err
	}
	log.Error("not started", "error", err.Error())
	return &exitError{nil, 1}
}

// logStarted logs the start: version, configuration, listeners and trust anchors.
func (r *running) logStarted() {
	var at []string
	for _, l := range r.now().listeners {
		at = append(at, l.protocol.String()+" "+l.Addr().String())
	}
	control := ""
	if r.control != nil {
		control = r.control.Path()
	}
	r.log.Info("started", "version", version, "config", r.cfg.File(), "listeners",
		strings.Join(at, ", "), "anchors", r.anchorText(),
		"admin", r.console.Addr(), "console", r.consoleURL(), "control", control, "pid",
		os.Getpid())
}

// consoleURL is where a browser on this machine finds the console, "" if there is none.
func (r *running) consoleURL() string {
	if !r.cfg.Console.Page || r.console.Addr() == "" {
		return ""
	}
	at := loopback(netip.MustParseAddrPort(r.console.Addr()))
	return r.console.Scheme() + "://" + at.String() + "/console/"
}

// logStopped logs the end, and how long the server ran.
func (r *running) logStopped(began time.Time) {
	r.log.Info("stopped", "uptime", time.Since(began).Round(time.Millisecond).String())
}

// anchorText returns the trust anchors by zone and key tag.
func (r *running) anchorText() string {
	var zones []string
	for _, z := range r.now().Anchors.Zones() {
		set, _ := r.now().Anchors.At(z)
		text := z.String()
		for d := range set.Data.All() {
			if ds, err := wire.ParseDS(d); err == nil {
				text += fmt.Sprintf(" %d", ds.KeyTag)
			}
		}
		zones = append(zones, text)
	}
	if len(zones) == 0 {
		return "none"
	}
	return strings.Join(zones, ", ")
}

// spoken is a source of certificates that logs new ones. It can be pointed to another source.
type spoken struct {
	source atomic.Pointer[transport.CertificateSource]
	log    *slog.Logger
	// renewing is held while certificates are renewed, so that each is logged once: who maintains
	// them and who reads the metrics have them renewed.
	renewing sync.Mutex
}

func newSpoken(c transport.CertificateSource, log *slog.Logger) *spoken {
	s := &spoken{log: log}
	s.source.Store(&c)
	return s
}

// Certificate implements transport.CertificateSource.
func (s *spoken) Certificate(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
	return (*s.source.Load()).Certificate(h)
}

// All implements transport.CertificateSource.
func (s *spoken) All() []*tls.Certificate { return (*s.source.Load()).All() }

// Refresh implements transport.CertificateSource.
func (s *spoken) Refresh() error {
	s.renewing.Lock()
	defer s.renewing.Unlock()
	before := s.All()
	err := (*s.source.Load()).Refresh()
	if err == nil {
		s.say(before)
	}
	return err
}

// replace makes another source the one of the certificates.
func (s *spoken) replace(c transport.CertificateSource) {
	s.renewing.Lock()
	defer s.renewing.Unlock()
	before := s.All()
	s.source.Store(&c)
	s.say(before)
}

// say logs the certificates that are not among the earlier ones.
func (s *spoken) say(before []*tls.Certificate) {
	for _, c := range s.All() {
		if !slices.ContainsFunc(before,
			func(o *tls.Certificate) bool { return o.Leaf.Equal(c.Leaf) }) {
			s.log.Info("certificate read again", "name", strings.Join(c.Leaf.DNSNames, " "),
				"expires", c.Leaf.NotAfter.Format(time.RFC3339))
		}
	}
}
