// What the server says of itself in its log: how it started and why it ended.

package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
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
	for _, l := range r.listeners {
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
	for _, z := range r.anchors.Zones() {
		set, _ := r.anchors.At(z)
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

// spoken is a source of certificates that says in the log when it has new ones.
type spoken struct {
	transport.CertificateSource
	log *slog.Logger
}

// Refresh implements transport.CertificateSource.
func (s *spoken) Refresh() error {
	before := s.All()
	err := s.CertificateSource.Refresh()
	after := s.All()
	if err != nil || len(before) > 0 && &before[0] == &after[0] {
		return err
	}
	for _, c := range after {
		s.log.Info("certificate read again", "name", strings.Join(c.Leaf.DNSNames, " "), "expires",
			c.Leaf.NotAfter.Format(time.RFC3339))
	}
	return nil
}

// errorsOf takes joined errors apart.
func errorsOf(err error) []error {
	var several interface{ Unwrap() []error }
	if errors.As(err, &several) {
		return several.Unwrap()
	}
	return []error{err}
}
