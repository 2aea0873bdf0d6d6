package interop

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// attackTime is how long TestMemory attacks, unless the environment variable ATTACK says another
// time, such as 30s.
const attackTime = 8 * time.Second

// Where the server of TestMemory listens, besides the ports of TestTransports, and the resolver
// that it forwards to.
const (
	http1Port    = 8080
	upstreamPort = 5399
)

// totalMemory is what the attacked process may take, in bytes.
const totalMemory = 256 << 20

// TestMemory attacks a server with memory.total over all transports at the same time: incomplete
// messages and bodies, answers that are not read, handshakes that stop, floods of names whose
// servers are silent, or answer slowly with large messages. The process never takes more than the
// total, and a client that does none of this is answered all the time, and afterwards.
func TestMemory(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, []string{"ip", "unshare", "openssl"})
		return
	}
	w := startMemory(t)
	pid := w.server.Process.Pid
	t.Logf("before: %d MiB", resident(t, pid)>>20)
	w.fill()
	t.Logf("filled: %d MiB; %s", resident(t, pid)>>20, held(t))
	long, err := time.ParseDuration(cmp.Or(os.Getenv("ATTACK"), attackTime.String()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var attackers sync.WaitGroup
	for _, a := range attacks() {
		for i := range a.many {
			attackers.Go(func() {
				for ctx.Err() == nil {
					a.once(ctx, w, i)
					pause(ctx, a.every)
				}
			})
		}
	}
	honest := &honest{t: t, tls: w.clientTLS("dot")}
	attackers.Go(func() {
		for ctx.Err() == nil {
			honest.ask()
			pause(ctx, 100*time.Millisecond)
		}
	})
	// On a busy machine it takes the attackers longer to reach the limits.
	reached := func(text string) bool {
		return strings.Contains(text, `"held_octets"`) && strings.Contains(text, `"overload"`)
	}
	for began := time.Now(); time.Since(began) < long ||
		time.Since(began) < patience && !reached(metrics(t)); {
		t.Logf("%3d MiB; %s", resident(t, pid)>>20, held(t))
		pause(ctx, 500*time.Millisecond)
	}
	stop()
	attackers.Wait()
	for range 4 {
		honest.ask()
	}
	peak := resident(t, pid)
	t.Logf("peak %d MiB, %d honest questions", peak>>20, honest.asked)
	if peak > totalMemory {
		t.Errorf("the process took %d MiB of %d", peak>>20, totalMemory>>20)
	}
	if text := metrics(t); !reached(text) {
		t.Errorf("no held_octets or no overload in the metrics:\n%s", text)
	}
}

// startMemory starts a server with totalMemory in front of a resolver of our own.
func startMemory(t *testing.T) *transports {
	t.Helper()
	w := &transports{folder: folder(t.TempDir())}
	w.bin, w.cert, w.key = build(t, string(w.folder)), w.path("cert.pem"), w.path("key.pem")
	w.makeCertificate(t, 1)
	loopback(t)
	forward := ""
	for i, z := range []string{"honest", "silent", "drip", "big"} {
		at := fmt.Sprintf("127.0.2.%d:%d", 1+i, upstreamPort)
		startUpstream(t, at)
		forward += fmt.Sprintf("    - {name: %s, addresses: [%q], insecure: true}\n", z, at)
	}
	w.server = start(t, w.bin, "serve", "--config", w.write(t, "memory.yaml", fmt.Sprintf(`
memory: {total: %d}
listen:
  udp: ["127.0.0.1:%d"]
  tcp: ["127.0.0.1:%d"]
  dot: ["127.0.0.1:%d"]
  doq: ["127.0.0.1:%d"]
  doh: ["127.0.0.1:%d"]
  doh3: ["127.0.0.1:%d"]
  doh_plain: ["127.0.0.1:%d"]
tls: {certificates: [{certificate: %q, key: %q}]}
admin: {listen: %q}
log: {level: error}
resolver:
  do_not_query_localhost: false
  forward_zones:
%s`, totalMemory, plainPort, plainPort, dotPort, dotPort, dohPort, dohPort, http1Port, w.cert,
		w.key, adminAddr, forward)))
	await(t, fmt.Sprintf("127.0.0.1:%d", plainPort), "first.honest.", dns.TypeA,
		func(m *dns.Msg) bool { return m.Rcode == dns.RcodeSuccess })
	return w
}

// fill fills the caches: the second question for a name has its answer prepared.
func (w *transports) fill() {
	var wg sync.WaitGroup
	for part := range 8 {
		wg.Go(func() {
			c := dns.Client{Net: "tcp", Timeout: 10 * time.Second}
			for i := range 90 {
				m := new(dns.Msg).SetQuestion(fmt.Sprintf("f%d-%d.big.", part, i), dns.TypeTXT)
				for range 2 { // what fails under load is not needed
					_, _, _ = c.Exchange(m, fmt.Sprintf("127.0.0.1:%d", plainPort))
				}
			}
		})
	}
	wg.Wait()
}

func (w *transports) clientTLS(alpn string) *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, NextProtos: []string{alpn}}
}

// honest asks for new names, each over another transport, as a stub resolver does: three times
// before it gives up.
type honest struct {
	t     *testing.T
	tls   *tls.Config
	asked int
}

func (h *honest) ask() {
	h.t.Helper()
	kind := []string{"udp", "tcp", "tcp-tls"}[h.asked%3]
	port := plainPort
	if kind == "tcp-tls" {
		port = dotPort
	}
	m := new(dns.Msg).SetQuestion(fmt.Sprintf("n%d.honest.", h.asked), dns.TypeA)
	m.SetEdns0(1232, false)
	h.asked++
	var faults []string
	for range 3 {
		c := dns.Client{Net: kind, TLSConfig: h.tls, Timeout: 20 * time.Second}
		r, _, err := c.Exchange(m, fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil && r.Rcode == dns.RcodeSuccess && len(r.Answer) == 1 {
			return
		}
		faults = append(faults, fmt.Sprintf("%v %v", err, r))
		time.Sleep(time.Second)
	}
	h.t.Errorf("%s over %s: %v", m.Question[0].Name, kind, faults)
}

// resident returns the most memory that a process has had resident so far, in bytes.
func resident(t *testing.T, pid int) int64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^VmHWM:\s+(\d+) kB$`).FindSubmatch(b)
	if m == nil {
		t.Fatalf("no VmHWM in %s", b)
	}
	n, err := strconv.ParseInt(string(m[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n << 10
}

var heldBytes = regexp.MustCompile(`(?m)^bailiwick_held_bytes{account="(\w+)"} (\S+)$`)

// held returns what the ledger has counted, in KiB.
func held(t *testing.T) string {
	var s []string
	for _, m := range heldBytes.FindAllStringSubmatch(metrics(t), -1) {
		n, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		s = append(s, fmt.Sprintf("%s %.0f", m[1], n/1024))
	}
	return strings.Join(s, ", ")
}

// startUpstream answers names below honest at once, and those below big with 60,000 octets over
// TCP. It is silent for those below silent, and for those below drip announces a large message over
// TCP and does not send it.
func startUpstream(t *testing.T, at string) {
	t.Helper()
	packets, err := net.ListenPacket("udp", at)
	if err != nil {
		t.Fatal(err)
	}
	conns, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = packets.Close(), conns.Close() })
	go func() {
		b := make([]byte, 4096)
		for {
			n, from, err := packets.ReadFrom(b)
			if err != nil {
				return
			}
			if out := upstreamAnswer(b[:n], false); out != nil {
				_, _ = packets.WriteTo(out, from)
			}
		}
	}()
	go func() {
		for {
			c, err := conns.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				d := dns.Conn{Conn: c}
				b := make([]byte, 4096)
				_ = c.SetDeadline(time.Now().Add(10 * time.Second))
				n, err := d.Read(b)
				if err != nil {
					return
				}
				if out := upstreamAnswer(b[:n], true); out != nil {
					_, _ = d.Write(out)
				} else {
					_, _ = c.Write([]byte{0xff, 0xff, b[0], b[1]})
					_, _ = c.Read(b) // until the client gives up
				}
			}()
		}
	}()
}

// upstreamAnswer returns the reply to a query; nil for silence.
func upstreamAnswer(query []byte, tcp bool) []byte {
	q := new(dns.Msg)
	if q.Unpack(query) != nil || len(q.Question) != 1 {
		return nil
	}
	m := new(dns.Msg).SetReply(q)
	m.RecursionAvailable = true
	h := dns.RR_Header{Name: q.Question[0].Name, Class: dns.ClassINET, Ttl: 3600}
	name := strings.ToLower(h.Name)
	switch {
	case strings.HasSuffix(name, ".silent."), tcp && strings.HasSuffix(name, ".drip."):
		return nil
	case strings.HasSuffix(name, ".big.") && tcp:
		h.Rrtype = dns.TypeTXT
		for i := range 240 {
			m.Answer = append(m.Answer, &dns.TXT{Hdr: h,
				Txt: []string{fmt.Sprintf("%0240d", i)}})
		}
		m.Compress = true
	case strings.HasSuffix(name, ".big."), strings.HasSuffix(name, ".drip."):
		m.Truncated = true
	case q.Question[0].Qtype == dns.TypeA:
		h.Rrtype = dns.TypeA
		m.Answer = []dns.RR{&dns.A{Hdr: h, A: net.IPv4(192, 0, 2, 1)}}
	}
	out, err := m.Pack()
	if err != nil {
		return nil
	}
	return out
}
