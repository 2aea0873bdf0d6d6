package server_test

import (
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/policy"
	"bailiwick/resolver"
	"bailiwick/server"
	"bailiwick/transport"
	"bailiwick/wire"
)

// lines collects a log.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// newLoggingFront is a front with a captured log that allows some clients and refuses others.
func newLoggingFront(t *testing.T, level slog.Level) (*front, *quiet, *lines) {
	log, q := &lines{}, &quiet{}
	f := newFrontLogged(t, slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: level})),
		nil,
		func(*resolver.Config) {}, q)
	f.Handler = f.server.Handler(policy.NewACL([]policy.Rule{
		{Net: netip.MustParsePrefix("127.0.0.0/8"), Action: policy.Allow},
		{Net: netip.MustParsePrefix("192.0.2.77/32"), Action: policy.Drop}}), &policy.View{})
	return f, q, log
}

func packed(t *testing.T, name string) []byte {
	t.Helper()
	b, err := new(dns.Msg).SetQuestion(name, dns.TypeA).Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Clients that may not ask are counted as queries, with their cause, and are logged with advice,
// however many they are: five lines a second, and the number of those left out.
func TestRefusedClientsAreCountedAndLogged(t *testing.T) {
	f, seen, log := newLoggingFront(t, slog.LevelInfo)
	packet := packed(t, "www.secure.example.")
	const refused, dropped = 3 * server.MaxRefusedLines, 4
	for range refused {
		if a := f.exchange(packet, "192.0.2.1:1000", transport.UDP); len(a) < wire.HeaderLen ||
			wire.RCode(a[3]&15) != wire.RCodeRefused {
			t.Fatalf("answered %x", a)
		}
	}
	for range dropped {
		if a := f.exchange(packet, "192.0.2.77:1000", transport.UDP); a != nil {
			t.Fatalf("answered %x", a)
		}
	}
	f.exchange(packet[:13], "192.0.2.1:1000", transport.UDP)
	if n := seen.queries.Load(); n != refused+dropped+1 {
		t.Errorf("%d queries counted, want %d", n, refused+dropped+1)
	}
	count := map[cause.Cause]int{}
	for _, c := range seen.refused {
		count[c]++
	}
	if count[cause.ClientRefused] != refused+1 || count[cause.ClientDropped] != dropped ||
		len(seen.causes) != 0 {
		t.Errorf("refused: %v; SERVFAIL: %v", count, seen.causes)
	}
	got := log.String()
	if n := strings.Count(got, "msg=refused"); n < server.MaxRefusedLines ||
		n > 2*server.MaxRefusedLines {
		t.Errorf("%d lines:\n%s", n, got)
	}
	for _, want := range []string{
		"name=www.secure.example. type=A client=192.0.2.1 transport=udp cause=client_refused",
		"policy.access",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the log lacks %s:\n%s", want, got)
		}
	}
}

// With log.level debug each query has a line with its outcome, on the fast path too; without it
// none has.
func TestDebugLogsEachQuerysOutcome(t *testing.T) {
	for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo} {
		f, _, log := newLoggingFront(t, level)
		for _, name := range []string{"www.secure.example.", "www.secure.example.",
			"www.secure.example.",
			"www.expired.faulty.", "no.unsigned.example."} {
			f.exchange(packed(t, name), "127.0.0.1:1000", transport.UDP)
		}
		f.exchange(packed(t, "www.secure.example."), "192.0.2.1:1000", transport.UDP)
		got := log.String()
		if level != slog.LevelDebug {
			if strings.Contains(got, "msg=query") {
				t.Errorf("at level %v:\n%s", level, got)
			}
			continue
		}
		for want, n := range map[string]int{
			"name=www.secure.example. type=A client=127.0.0.1 transport=udp outcome=NOERROR " +
				"cause=none": 3,
			"from=known":    1,
			"from=prepared": 1,
			"name=www.expired.faulty. type=A client=127.0.0.1 transport=udp outcome=SERVFAIL " +
				"cause=signature_expired": 1,
			"name=no.unsigned.example. type=A client=127.0.0.1 transport=udp " +
				"outcome=NXDOMAIN": 1,
			"client=192.0.2.1 transport=udp outcome=REFUSED " +
				"cause=client_refused": 1,
		} {
			if strings.Count(got, want) != n {
				t.Errorf("want %d times %s:\n%s", n, want, got)
			}
		}
	}
}
