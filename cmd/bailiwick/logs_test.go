package main

import (
	"crypto/tls"
	"io"
	"log/slog"
	"testing"

	"bailiwick/transport"
)

// testLog is a log without times.
func testLog(w io.Writer) *slog.Logger {
	timeless := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	o := &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: timeless}
	return slog.New(slog.NewTextHandler(w, o))
}

// onceAtATime is a source of certificates that reports whether a renewal could begin beside it.
type onceAtATime struct {
	transport.CertificateSource
	beside func() bool
	both   bool
}

func (o *onceAtATime) Refresh() error {
	o.both = o.beside()
	return nil
}

func (o *onceAtATime) All() []*tls.Certificate { return nil }

// Certificates are renewed by their upkeep and by who reads the metrics, one after the other:
// otherwise both would log what is new.
func TestCertificatesAreRenewedOnceAtATime(t *testing.T) {
	o := &onceAtATime{}
	s := newSpoken(o, testLog(io.Discard))
	o.beside = func() bool {
		free := s.renewing.TryLock()
		if free {
			s.renewing.Unlock()
		}
		return free
	}
	if err := s.Refresh(); err != nil || o.both {
		t.Errorf("two renew at once: %v (%v)", o.both, err)
	}
	s.replace(o)
	if !s.renewing.TryLock() {
		t.Error("nothing is renewed any more")
	}
}
