package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// authority answers every question with an address, and counts.
func authority(t *testing.T) (at string, asked *atomic.Int64) {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked = new(atomic.Int64)
	s := &dns.Server{PacketConn: c, Handler: dns.HandlerFunc(func(w dns.ResponseWriter,
		q *dns.Msg) {
		asked.Add(1)
		m := new(dns.Msg).SetReply(q)
		rr, _ := dns.NewRR(q.Question[0].Name + " 3600 IN A 192.0.2.1")
		m.Answer = []dns.RR{rr}
		_ = w.WriteMsg(m)
	})}
	go func() { _ = s.ActivateAndServe() }()
	t.Cleanup(func() { _ = s.Shutdown() })
	return c.LocalAddr().String(), asked
}

// A server that is restarted answers from what it knew, and asks nobody. Files that nobody else may
// read hold it; a damaged one is kept aside, and the server begins with empty caches.
func TestWarmRestartOfTheProcess(t *testing.T) {
	at, asked := authority(t)
	dir := filepath.Join(t.TempDir(), "state")
	config := fmt.Sprintf("state: {directory: %q}\ncontrol: {socket: \"\"}\n"+
		"shutdown: {wait: 0}\nresolver: {priming: false, do_not_query_localhost: false, "+
		"forward_zones: [{name: example, addresses: [%q], insecure: true}]}\n", dir, at)
	const names = 50
	ask := func(p *process) (upstream int64) {
		before := asked.Load()
		for i := range names {
			c := dns.Client{Timeout: patience}
			m, _, err := c.Exchange(new(dns.Msg).SetQuestion(fmt.Sprintf("www%d.example.", i),
				dns.TypeA), p.dns)
			if err != nil || len(m.Answer) != 1 {
				t.Fatalf("www%d.example.: %v, %v", i, m, err)
			}
		}
		return asked.Load() - before
	}
	first := startConfigured(t, config, nil, nil)
	if n := ask(first); n < names {
		t.Fatalf("%d questions upstream for %d names", n, names)
	}
	first.terminate()
	file := filepath.Join(dir, "cache")
	if st, err := os.Stat(file); err != nil || st.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", st, err)
	}
	second := startConfigured(t, config, nil, nil)
	second.awaitMetric(`bailiwick_cache_restored_entries_total{outcome="used"} `)
	if n := ask(second); n > 0 {
		t.Errorf("%d questions upstream after a restart", n)
	}
	second.terminate()

	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	third := startConfigured(t, config, nil, nil)
	if n := ask(third); n < names {
		t.Errorf("%d questions upstream with a damaged file", n)
	}
	if _, err := os.Stat(file + ".damaged"); err != nil {
		t.Error(err)
	}
	third.terminate()
}

// awaitMetric waits until a metric is not 0.
func (p *process) awaitMetric(name string) {
	p.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		text, err := p.get("/metrics")
		if i := strings.Index(text, name); err == nil && i >= 0 && text[i+len(name)] != '0' {
			return
		}
		if time.Now().After(end) {
			p.t.Fatalf("%s stays 0, %v", name, err)
		}
	}
}
