// What the server says of itself in its log: how it started and why it ended.

package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"bailiwick/internal/config"
	"bailiwick/transport"
	"bailiwick/wire"
)

// logFindings says what is wrong or dangerous in the configuration; the error is that serve cannot
// go on with it. That nothing is trusted, or an anchor can match no key, does not end a server that
// people depend on: it is said as loudly as a log can.
func logFindings(log *slog.Logger, out io.Writer, cfg *config.Config, found config.Findings) error {
	var fatal config.Findings
	for _, f := range found.Sorted() {
		switch place := f.Place(); {
		case f.Alarm != "":
			log.Error(f.Alarm, "at", place, "detail", f.Text)
		case f.Warning:
			log.Warn("configuration", "at", place, "detail", f.Text)
		case cfg.LogJSON:
			log.Error("configuration", "at", place, "detail", f.Text)
			fatal = append(fatal, f)
		default:
			fatal = append(fatal, f)
		}
	}
	if len(fatal) > 0 && cfg.LogJSON {
		return &exitError{nil, 1}
	}
	return refuse(out, cfg.File(), fatal)
}

// lastWord is an error that ends the server: in the log where programs read that, for main to print
// otherwise.
func lastWord(log *slog.Logger, cfg *config.Config, err error) error {
	if !cfg.LogJSON {
		return err
	}
	log.Error("not started", "error", err.Error())
	return &exitError{nil, 1}
}

// logStarted says what runs: which version, from which configuration, where it listens and whom it
// trusts.
func (r *running) logStarted() {
	var at []string
	for _, l := range r.now().listeners {
		at = append(at, l.protocol.String()+" "+l.Addr().String())
	}
	admin, control := "", ""
	if r.console != nil {
		admin = r.console.Addr()
	}
	if r.control != nil {
		control = r.control.Path()
	}
	r.log.Info("started", "version", version, "config", r.cfg.File(), "listeners",
		strings.Join(at, ", "), "anchors", r.anchorText(),
		"admin", admin, "control", control, "pid", os.Getpid())
}

// logStopped says how long it was.
func (r *running) logStopped(began time.Time) {
	r.log.Info("stopped", "uptime", time.Since(began).Round(time.Millisecond).String())
}

// anchorText lists the trust anchors by zone and key tag.
func (r *running) anchorText() string {
	var zones []string
	for _, z := range r.now().anchors.Zones() {
		set, _ := r.now().anchors.At(z)
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

// spoken is a source of certificates that says in the log when it has new ones. Another source can
// take the place of its own.
type spoken struct {
	source atomic.Pointer[transport.CertificateSource]
	log    *slog.Logger
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
	before := s.All()
	err := (*s.source.Load()).Refresh()
	if err == nil {
		s.say(before)
	}
	return err
}

// replace has another source in place of this one.
func (s *spoken) replace(c transport.CertificateSource) {
	before := s.All()
	s.source.Store(&c)
	s.say(before)
}

// say tells which certificates are others than before.
func (s *spoken) say(before []*tls.Certificate) {
	for _, c := range s.All() {
		if !slices.ContainsFunc(before,
			func(o *tls.Certificate) bool { return o.Leaf.Equal(c.Leaf) }) {
			s.log.Info("certificate read again", "name", strings.Join(c.Leaf.DNSNames, " "),
				"expires",
				c.Leaf.NotAfter.Format(time.RFC3339))
		}
	}
}

// errorsOf takes joined errors apart.
func errorsOf(err error) []error {
	var several interface{ Unwrap() []error }
	if errors.As(err, &several) {
		return several.Unwrap()
	}
	return []error{err}
}
