//go:build unix

package main

import (
	"bytes"
	"log/slog"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"bailiwick/internal/config"
	"bailiwick/internal/lab"
	"bailiwick/internal/snapshot"
	"bailiwick/transport"
)

// line is a log that reports each write.
type line chan string

func (l line) Write(b []byte) (int, error) {
	l <- string(bytes.Clone(b))
	return len(b), nil
}

// SIGHUP never ends the process, with listeners that encrypt or without: unless it is caught this
// test binary ends here. The log reports that the configuration was read again.
func TestSIGHUPNeverEndsTheProcess(t *testing.T) {
	hangups() // as serve does first of all
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	for _, encrypted := range []bool{false, true} {
		w := lab.Internet(time.Now())
		read := func() (*config.Config, config.Findings, error) {
			cfg := config.Default()
			cfg.Console.Listen = ""
			loopback := []config.Listener{{Addr: netip.MustParseAddrPort("127.0.0.1:0")}}
			cfg.Listen = map[transport.Protocol][]config.Listener{transport.TCP: loopback}
			if encrypted {
				cfg.SelfSigned = true
				cfg.Listen[transport.DoT] = loopback
			}
			return cfg, nil, useLab(cfg, w)
		}
		cfg, _, err := read()
		if err != nil {
			t.Fatal(err)
		}
		p, found := snapshot.Load(cfg)
		if len(found) > 0 {
			t.Log(found)
		}
		s := newStack(p, w, nil)
		said := make(line, 100)
		s.log = slog.New(slog.NewTextHandler(said, nil))
		r, err := s.listen()
		if err != nil {
			t.Fatal(err)
		}
		r.read = read
		r.start()
		if err := syscall.Kill(syscall.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		for text := range said {
			if strings.Contains(text, "configuration read again") {
				break
			}
		}
		r.close()
		if err := syscall.Kill(syscall.Getpid(), syscall.SIGHUP); err != nil { // while it ends
			t.Fatal(err)
		}
	}
}

// The start logs how many connections there may be, and whether that is what was configured.
func TestStartSaysHowManyConnections(t *testing.T) {
	cfg := config.Default()
	var log bytes.Buffer
	for most, want := range map[int]string{1: "level=INFO", 1 << 20: "level=WARN"} {
		cfg.Transport.Gate.Max = most
		p, _ := snapshot.Load(cfg)
		s := newStack(p, &transport.NetExchanger{}, nil)
		log.Reset()
		s.log = slog.New(slog.NewTextHandler(&log, nil))
		(&running{stack: s}).newGate()
		if l := log.String(); !strings.Contains(l, want) || !strings.Contains(l, "descriptors=") ||
			!strings.Contains(l, "connections=") {
			t.Errorf("connections.max %d: %s", most, l)
		}
	}
}
