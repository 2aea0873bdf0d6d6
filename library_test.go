// The library against the lab: outcomes, forwarders, and what a program can rely on.

package bailiwick_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"

	"bailiwick"
	"bailiwick/internal/lab"
)

// TestLibraryOutcomes asks for what can become of a question. Who has no more than a flag for
// "secure" takes bogus data for insecure ones (handshake-org/hsd issue 513, systemd issue 19824,
// folbricht/routedns pull request 429), so each outcome is a status of its own.
func TestLibraryOutcomes(t *testing.T) {
	l := startLab()
	defer l.stop()
	r := l.newRecursion(t)
	for _, c := range []struct {
		name   string
		typ    bailiwick.Type
		rcode  bailiwick.RCode
		status bailiwick.Status
		text   string // of the records, or the cause of a failure with its code
	}{
		{"www.secure.example", bailiwick.TypeA, bailiwick.RCodeNoError, bailiwick.Secure,
			"192.0.2.1"},
		{"WWW.secure.EXAMPLE.", bailiwick.TypeAAAA, bailiwick.RCodeNoError, bailiwick.Secure,
			"2001:db8::1"},
		{"alias.nsec3.example", bailiwick.TypeA, bailiwick.RCodeNoError, bailiwick.Secure,
			"www.nsec3.example. 192.0.2.1"},
		{"secure.example", bailiwick.TypeMX, bailiwick.RCodeNoError, bailiwick.Secure,
			"10 www.secure.example."},
		{"www.secure.example", bailiwick.TypeTLSA, bailiwick.RCodeNoError, bailiwick.Secure, ""},
		{"no.secure.example", bailiwick.TypeA, bailiwick.RCodeNXDomain, bailiwick.Secure, ""},
		{"www.unsigned.example", bailiwick.TypeA, bailiwick.RCodeNoError, bailiwick.Insecure,
			"192.0.2.1"},
		{"www.algorithm.faulty", bailiwick.TypeA, bailiwick.RCodeNoError, bailiwick.Insecure,
			"192.0.2.1"},
		{"www.expired.faulty", bailiwick.TypeA, 0, bailiwick.Bogus, "signature_expired 7"},
		{"www.missing-signatures.faulty", bailiwick.TypeA, 0, bailiwick.Bogus,
			"signature_missing 10"},
		{"www.refusing.faulty", bailiwick.TypeA, 0, bailiwick.Indeterminate, "refused 22"},
	} {
		a, err := r.Resolve(t.Context(), c.name, c.typ)
		var f *bailiwick.Failure
		if errors.As(err, &f) {
			if got := outcomeOf(f); got != c.text || f.Status != c.status || f.Text == "" ||
				f.Hint == "" || f.Zone == "" {
				t.Errorf("%s: %s %s: %+v", c.name, f.Status, got, f)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var texts []string
		for _, record := range a.Records {
			texts = append(texts, record.Text())
		}
		if got := strings.Join(texts, " "); a.RCode != c.rcode || a.Status != c.status ||
			got != c.text || a.Type != c.typ ||
			a.Name != strings.ToLower(strings.TrimSuffix(c.name, "."))+"." {
			t.Errorf("%s: %s %s %q", a.Name, a.RCode, a.Status, got)
		}
		if len(a.Records) == 0 && (len(a.Authority) != 1 ||
			a.Authority[0].Type != bailiwick.TypeSOA) {
			t.Errorf("%s: the denial has %v", c.name, a.Authority)
		}
	}
	a, err := r.Resolve(t.Context(), "www.algorithm.faulty", bailiwick.TypeA)
	if err != nil || a.Why == nil || a.Why.Cause != "algorithm_unsupported" {
		t.Errorf("an answer does not tell why it is insecure: %+v, %v", a, err)
	}
}

// outcomeOf returns the cause of a failure with the code for clients.
func outcomeOf(f *bailiwick.Failure) string {
	if f.Extended == nil {
		return f.Cause
	}
	return fmt.Sprint(f.Cause, " ", f.Extended.Code)
}

// TestLibraryChecksTheQuestion holds questions that nobody can answer to an error that is no
// failure: it is the program's own.
func TestLibraryChecksTheQuestion(t *testing.T) {
	l := startLab()
	defer l.stop()
	r := l.newRecursion(t)
	for _, q := range []bailiwick.Question{
		{Name: "www..example", Type: bailiwick.TypeA},
		{Name: strings.Repeat("a", 64) + ".example", Type: bailiwick.TypeA},
		{Name: "www.secure.example"},
		{Name: "example", Type: bailiwick.Type(dns.TypeAXFR)},
		{Name: "example", Type: bailiwick.Type(dns.TypeOPT)},
	} {
		a, err := r.Ask(t.Context(), q)
		var f *bailiwick.Failure
		if err == nil || a != nil || errors.As(err, &f) {
			t.Errorf("%q %s: %v, %v", q.Name, q.Type, a, err)
		}
	}
	if asked := l.Transcript(); len(asked) > 0 {
		t.Errorf("servers were asked: %v", asked)
	}
}

// TestLibraryCheckingDisabled asks for data that do not verify (RFC 4035, section 3.2.2). They are
// never called secure, and nobody else gets them.
func TestLibraryCheckingDisabled(t *testing.T) {
	l := startLab()
	defer l.stop()
	r := l.newRecursion(t)
	q := bailiwick.Question{Name: "www.expired.faulty", Type: bailiwick.TypeA,
		CheckingDisabled: true}
	a, err := r.Ask(t.Context(), q)
	if err != nil || a.Status != bailiwick.Indeterminate || len(a.Addrs()) != 1 {
		t.Errorf("with checking disabled: %+v, %v", a, err)
	}
	q.CheckingDisabled = false
	if a, err := r.Ask(t.Context(), q); err == nil {
		t.Errorf("bogus data are returned: %+v", a)
	}
}

// TestLibraryForwards forwards to a resolver and validates what it says. The resolver may not be
// trusted: one that strips signatures makes signed zones bogus, not insecure
// (GHSA-x845-2f78-7v36, golang/vulndb issue 5745; CVE-2022-3346, golang/vulndb issue 979), and one
// that sets AD is not believed (systemd issue 31365).
func TestLibraryForwards(t *testing.T) {
	l := startLab()
	defer l.stop()
	strip := func(m *dns.Msg) {
		m.AuthenticatedData = true
		signed := func(rr dns.RR) bool {
			switch rr.Header().Rrtype {
			case dns.TypeRRSIG, dns.TypeNSEC, dns.TypeNSEC3:
				return true
			}
			return false
		}
		m.Answer, m.Ns = slices.DeleteFunc(m.Answer, signed), slices.DeleteFunc(m.Ns, signed)
	}
	forwarding := func(at []netip.AddrPort) *bailiwick.Resolver {
		return open(t, bailiwick.Config{Forwarders: []bailiwick.Forwarder{{Servers: at}},
			TrustAnchors: []string{l.anchor}, AllowLoopback: true})
	}
	honest, stripping := forwarding(l.resolver()), forwarding(l.resolver(strip))
	for _, c := range []struct {
		name string
		want bailiwick.Status
	}{
		{"www.secure.example", bailiwick.Secure}, {"no.secure.example", bailiwick.Secure},
		{"www.unsigned.example", bailiwick.Insecure}, {"no.unsigned.example", bailiwick.Insecure},
	} {
		if a, err := honest.Resolve(t.Context(), c.name, bailiwick.TypeA); err != nil ||
			a.Status != c.want {
			t.Errorf("%s: %+v, %v, want %v", c.name, a, err, c.want)
		}
		var f *bailiwick.Failure
		if a, err := stripping.Resolve(t.Context(), c.name, bailiwick.TypeA); !errors.As(err, &f) ||
			f.Status != bailiwick.Bogus {
			t.Errorf("%s without signatures: %+v, %v", c.name, a, err)
		}
	}
}

// TestLibraryForwardersProveTheirName forwards over TLS: the certificate has to be for the name,
// and by whom the program trusts.
func TestLibraryForwardersProveTheirName(t *testing.T) {
	l := startLab()
	defer l.stop()
	at, roots := l.tls("dns.example")
	f := bailiwick.Forwarder{Servers: at, Transport: bailiwick.DoT, ServerName: "dns.example",
		Roots: roots}
	resolve := func(f bailiwick.Forwarder) error {
		r := open(t, bailiwick.Config{Forwarders: []bailiwick.Forwarder{f},
			TrustAnchors: []string{l.anchor}, AllowLoopback: true})
		_, err := r.Resolve(t.Context(), "www.secure.example", bailiwick.TypeA)
		return err
	}
	if err := resolve(f); err != nil {
		t.Errorf("the right name: %v", err)
	}
	other, nobody := f, f
	other.ServerName, nobody.Roots = "other.example", nil
	for _, f := range []bailiwick.Forwarder{other, nobody} {
		if err := resolve(f); err == nil {
			t.Errorf("a server without a certificate for %s is believed", f.ServerName)
		}
	}
}

// TestLibraryForwardsZones has one zone forwarded, and all else resolved from the root. A private
// zone that the public DNS denies is not validated where the program says so.
func TestLibraryForwardsZones(t *testing.T) {
	l := startLab()
	defer l.stop()
	private := l.resolver(func(m *dns.Msg) {
		rr, _ := dns.NewRR(m.Question[0].Name + " 60 A 10.0.0.1")
		m.Rcode, m.Answer, m.Ns = dns.RcodeSuccess, []dns.RR{rr}, nil
	})
	c := l.recursion()
	c.Forwarders = []bailiwick.Forwarder{{Zone: "corp.example", Servers: private}}
	var f *bailiwick.Failure
	if a, err := open(t, c).Resolve(t.Context(), "www.corp.example",
		bailiwick.TypeA); !errors.As(err, &f) || f.Status != bailiwick.Bogus {
		t.Errorf("a zone that example. denies: %+v, %v", a, err)
	}
	c.Insecure = []string{"corp.example"}
	r := open(t, c)
	for name, want := range map[string]bailiwick.Status{
		"www.corp.example": bailiwick.Insecure, "www.secure.example": bailiwick.Secure} {
		if a, err := r.Resolve(t.Context(), name, bailiwick.TypeA); err != nil ||
			a.Status != want {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
}

// TestLibraryAsksOnce asks the same in many goroutines: servers get each question once, and all
// callers the answer.
func TestLibraryAsksOnce(t *testing.T) {
	l := startLab()
	defer l.stop()
	r := l.newRecursion(t)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			a, err := r.Resolve(t.Context(), "txt.secure.example", bailiwick.TypeTXT)
			if err != nil || a.Records[0].Text() != `"text"` {
				t.Errorf("%+v, %v", a, err)
			}
		})
	}
	all.Wait()
	asked := 0
	for _, e := range l.Transcript() {
		if e.Type == "TXT" {
			asked++
		}
	}
	if asked != 1 {
		t.Errorf("the question was asked %d times", asked)
	}
}

// silent is a lab with a zone that never answers, and a channel that gets each question for it.
func silent() (*servedLab, chan string) {
	asked := make(chan string, 1000)
	l := startLab(func(w *lab.World) {
		dead := w.AddressOf("dead.faulty.")
		w.Script = func(in lab.Incoming) (lab.Reply, bool) {
			if in.Server == dead {
				asked <- in.Question().Name
			}
			return lab.Reply{}, false
		}
	})
	return l, asked
}

// TestLibraryCancel ends the context of a question that servers do not answer.
func TestLibraryCancel(t *testing.T) {
	l, asked := silent()
	defer l.stop()
	r := l.newRecursion(t)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	a, err := r.Resolve(ctx, "www.dead.faulty", bailiwick.TypeA)
	var f *bailiwick.Failure
	if !errors.Is(err, context.Canceled) || !errors.As(err, &f) || a != nil {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err := r.Resolve(t.Context(), "www.secure.example", bailiwick.TypeA); err != nil {
		t.Errorf("another question afterwards: %v", err)
	}
}

// TestLibraryClose closes a resolver while questions wait, and asks one afterwards.
func TestLibraryClose(t *testing.T) {
	l, asked := silent()
	defer l.stop()
	r := l.newRecursion(t)
	failed := make(chan error)
	go func() {
		_, err := r.Resolve(context.Background(), "www.dead.faulty", bailiwick.TypeA)
		failed <- err
	}()
	<-asked
	r.Close()
	if err := <-failed; !errors.Is(err, bailiwick.ErrClosed) {
		t.Errorf("a question that waits: %v", err)
	}
	if _, err := r.Resolve(t.Context(), "www.secure.example",
		bailiwick.TypeA); !errors.Is(err, bailiwick.ErrClosed) {
		t.Errorf("a question afterwards: %v", err)
	}
	r.Close()
}

// TestLibraryMaxQueries asks more at once than may be: the oldest question gives way, and tells
// why.
func TestLibraryMaxQueries(t *testing.T) {
	l, asked := silent()
	defer l.stop()
	c := l.recursion()
	c.MaxQueries = 1
	r := open(t, c)
	failed := make(chan error)
	go func() {
		_, err := r.Resolve(context.Background(), "oldest.dead.faulty", bailiwick.TypeA)
		failed <- err
	}()
	<-asked
	for _, name := range []string{"www.secure.example", "www.unsigned.example"} {
		if _, err := r.Resolve(t.Context(), name, bailiwick.TypeA); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	err := <-failed
	var f *bailiwick.Failure
	if !errors.As(err, &f) || f.Cause != "overload" {
		t.Errorf("the oldest question: %v", err)
	}
}

// TestLibraryConfigurations has New refuse what cannot work, and name all of it at once.
func TestLibraryConfigurations(t *testing.T) {
	at := []netip.AddrPort{netip.MustParseAddrPort("192.0.2.53:53")}
	loopback := []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:53")}
	for _, c := range []struct {
		c    bailiwick.Config
		want string
	}{
		{bailiwick.Config{TrustAnchors: []string{}}, "there are none"},
		{bailiwick.Config{TrustAnchors: []string{". IN DS nonsense"}}, "trust anchor"},
		{bailiwick.Config{Insecure: []string{"192.0.2.1"}}, "insecure zone"},
		{bailiwick.Config{Memory: 1000}, "memory 1000"},
		{bailiwick.Config{Memory: -1}, "memory -1"},
		{bailiwick.Config{MaxQueries: -1}, "max queries -1"},
		{bailiwick.Config{RootServers: []netip.Addr{{}}}, "not a server's address"},
		{bailiwick.Config{RootServers: []netip.Addr{loopback[0].Addr()}}, "AllowLoopback"},
		{forward(bailiwick.Forwarder{}), "no servers"},
		{forward(bailiwick.Forwarder{Servers: loopback}), "AllowLoopback"},
		{forward(bailiwick.Forwarder{Servers: at, Transport: bailiwick.DoT}), "ServerName"},
		{forward(bailiwick.Forwarder{Servers: at, ServerName: "dns.example"}), "ServerName"},
		{forward(bailiwick.Forwarder{Servers: at, Transport: 99}), "Transport(99)"},
		{forward(bailiwick.Forwarder{Servers: at, Path: "/dns-query"}), "is for DoH"},
		{forward(bailiwick.Forwarder{Servers: at, Zone: "a b"}), "forwarder"},
		{forward(bailiwick.Forwarder{Servers: at}, bailiwick.Forwarder{Servers: at, Zone: "."}),
			"another one"},
	} {
		if r, err := bailiwick.New(c.c); err == nil {
			r.Close()
			t.Errorf("%+v is accepted", c.c)
		} else if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.c, err, c.want)
		}
	}
	_, err := bailiwick.New(bailiwick.Config{Memory: 1, MaxQueries: -1})
	if err == nil || len(strings.Split(err.Error(), "\n")) != 2 {
		t.Errorf("two errors are told as %v", err)
	}
	r, err := bailiwick.New(bailiwick.Config{})
	if err != nil {
		t.Fatalf("the zero configuration: %v", err)
	}
	r.Close()
}

// forward is a configuration with forwarders alone.
func forward(f ...bailiwick.Forwarder) bailiwick.Config { return bailiwick.Config{Forwarders: f} }

// TestLibraryLogsSteps has the steps of a resolution in the program's log at the level debug, and
// nothing above.
func TestLibraryLogsSteps(t *testing.T) {
	l := startLab()
	defer l.stop()
	for level, want := range map[slog.Level]bool{slog.LevelDebug: true, slog.LevelInfo: false} {
		var text bytes.Buffer
		c := l.recursion()
		c.Log = slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: level}))
		r := open(t, c)
		if _, err := r.Resolve(t.Context(), "www.secure.example", bailiwick.TypeA); err != nil {
			t.Fatal(err)
		}
		r.Close() // nobody else writes
		if got := strings.Contains(text.String(), "www.secure.example."); got != want {
			t.Errorf("at level %v the log has\n%s", level, &text)
		}
	}
}
