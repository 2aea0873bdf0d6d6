// Replacement of two million rules, or of 100,000 local records, under load: what clients wait
// before, during and after it.

package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/net/ipv4"
)

// paced is a load that comes at a rate whatever the answers do, over UDP.
type paced struct {
	rate    int
	phase   atomic.Int32
	begun   time.Time
	packets [][]byte
	socks   []*pacedSocket
}

// pacedSocket is one client of a load. A query's ID is its number modulo 2^16.
type pacedSocket struct {
	conn *ipv4.PacketConn
	sent [1 << 16]atomic.Int64 // when, in nanoseconds since the load has begun; 0: answered
	of   [1 << 16]atomic.Int32 // in which phase

	mu    sync.Mutex
	waits [phases][]int32 // microseconds; guarded by mu
	count [phases]int     // queries that were sent; used by the sender alone
}

// The phases of a replacement.
const (
	coldIt = iota
	beforeIt
	duringIt
	afterIt
	phases
)

var phaseNames = [phases]string{"cold", "before", "during", "after"}

// pacedSockets is how many clients a load has.
const pacedSockets = 4

// newPaced opens the sockets of a load to a port, and makes its packets.
func newPaced(rate, port int) (*paced, error) {
	p := &paced{rate: rate, begun: time.Now()}
	for i := range hitNames {
		b, err := new(dns.Msg).SetQuestion(fmt.Sprintf("n%d.names.example.", i), dns.TypeA).Pack()
		if err != nil {
			return nil, err
		}
		p.packets = append(p.packets, b)
	}
	for range pacedSockets {
		c, err := net.DialUDP("udp4", &net.UDPAddr{IP: net.ParseIP(policyClient)},
			&net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		if err != nil {
			return nil, err
		}
		_ = c.SetReadBuffer(8 << 20) // a smaller one loses answers, which are counted
		p.socks = append(p.socks, &pacedSocket{conn: ipv4.NewPacketConn(c)})
	}
	return p, nil
}

// run sends until the context ends, and then waits for the last answers.
func (p *paced) run(ctx context.Context) {
	var senders, readers sync.WaitGroup
	for i, s := range p.socks {
		senders.Go(func() { p.send(ctx, i, s) })
		readers.Go(func() { p.receive(s) })
	}
	senders.Wait()
	time.Sleep(2 * time.Second)
	for _, s := range p.socks {
		_ = s.conn.Close()
	}
	readers.Wait()
}

// send sends a socket's share of the queries, each millisecond those that are due.
func (p *paced) send(ctx context.Context, i int, s *pacedSocket) {
	batch := make([]ipv4.Message, 64)
	for k := range batch {
		batch[k].Buffers = [][]byte{make([]byte, 0, 64)}
	}
	begun, n := time.Now(), 0
	for ctx.Err() == nil {
		due := int(time.Since(begun).Seconds() * float64(p.rate) / pacedSockets)
		if n >= due {
			time.Sleep(time.Millisecond)
			continue
		}
		k := min(due-n, len(batch))
		now, phase := int64(time.Since(p.begun)), p.phase.Load()
		for j := range k {
			id := uint16(n + j)
			packet := p.packets[((n+j)*pacedSockets+i)%len(p.packets)]
			b := append(batch[j].Buffers[0][:0], packet...)
			binary.BigEndian.PutUint16(b, id)
			batch[j].Buffers[0] = b
			s.of[id].Store(phase)
			s.sent[id].Store(now)
		}
		m, err := s.conn.WriteBatch(batch[:k], 0)
		if err != nil {
			return
		}
		n += m
		s.count[phase] += m
	}
}

// receive reads answers.
func (p *paced) receive(s *pacedSocket) {
	batch := make([]ipv4.Message, 64)
	for k := range batch {
		batch[k].Buffers = [][]byte{make([]byte, 512)}
	}
	for {
		k, err := s.conn.ReadBatch(batch, 0)
		if err != nil {
			return
		}
		now := int64(time.Since(p.begun))
		s.mu.Lock()
		for _, m := range batch[:k] {
			id := binary.BigEndian.Uint16(m.Buffers[0])
			if sent := s.sent[id].Swap(0); sent > 0 && m.N > 12 {
				phase := s.of[id].Load()
				s.waits[phase] = append(s.waits[phase], int32((now-sent)/1000))
			}
		}
		s.mu.Unlock()
	}
}

// replacePolicy replaces everything while queries come at a rate, for each of some rates. Beside
// that server stands another with the same configuration and load, which keeps what it has: what
// its clients wait is the machine's doing, by what else runs on it and by the work that a
// replacement is anyway, at the same moment.
func replacePolicy(ctx context.Context, o options, dir string) error {
	w, err := newWorld(ctx, dir)
	if err != nil {
		return err
	}
	of := installed(options{binary: o.binary, threads: o.threads, only: "bailiwick"})[0]
	what := rulesReplaced
	if o.names {
		what = namesReplaced
	}
	both := map[string]*replaced{}
	servers, rates := []string{"replaced", "beside"}, replaceRates
	if o.alone {
		servers, rates = servers[:1], []int{aloneRate}
	}
	for i, name := range servers {
		r := &replaced{port: replacePort + i, file: filepath.Join(dir, name, "rules"),
			replacement: what}
		if err := os.Mkdir(filepath.Dir(r.file), 0o755); err != nil {
			return err
		}
		if err := what.write(r.file, "v1", 1); err != nil {
			return err
		}
		s := of
		s.config = func(w *world, own string) map[string]string {
			return atPort(map[string]string{"config": of.config(w, own)["config"] +
				what.config(r.file)}, r.port)
		}
		pids, stop, err := start(ctx, w, s, filepath.Join(dir, name, "server"))
		if err != nil {
			return err
		}
		defer stop()
		if err := r.inForce(ctx, "v1"); err != nil {
			return err
		}
		r.pid = pids[0]
		both[name] = r
	}
	t := tabwriter.NewWriter(os.Stdout, 2, 0, 2, ' ', 0)
	defer t.Flush()
	fmt.Fprintln(t, "what is\tasked for /s\tphase\ts\tqueries/s\tp50 ms\tp99 ms\tp99.9 ms\t"+
		"most ms\tlost\tMB")
	version := 1
	for range o.rounds {
		for _, rate := range rates {
			version++
			word := fmt.Sprintf("v%d", version)
			next := both["replaced"].file + ".next"
			if err := what.write(next, word, version); err != nil {
				return err
			}
			if err := os.Rename(next, both["replaced"].file); err != nil {
				return err
			}
			if err := replaceOnce(ctx, t, both, rate, word); err != nil {
				return err
			}
		}
		_ = t.Flush()
	}
	return nil
}

// replacePort is the port of the server whose rules are replaced; the other one has the next.
const replacePort = 5300

// replaced is one of the two servers.
type replaced struct {
	port, pid int
	file      string // what is replaced is in it
	replacement
}

// replacement is what is replaced.
type replacement struct {
	config func(file string) string // lines of the configuration
	write  func(file, word string, version int) error
	// probe is a name that a version has, and is reports whether an answer is of that version.
	probe func(word string) string
	is    func(*dns.Msg) bool
}

// rulesReplaced are two million rules of a policy zone.
var rulesReplaced = replacement{
	config: func(file string) string {
		return "zones: {memory: 1GiB}\n" + policyParts(filepath.Dir(file))["rules"]
	},
	write: writeRules,
	probe: func(word string) string { return word + blockedName(blockedNames-1) + "." },
	is: func(m *dns.Msg) bool {
		return m.Rcode == dns.RcodeNameError && slices.ContainsFunc(m.Extra, func(rr dns.RR) bool {
			return rr.Header().Name == "feed.test."
		})
	},
}

// namesReplaced are 100,000 local records, in a file that the configuration includes.
var namesReplaced = replacement{
	config: func(file string) string { return fmt.Sprintf("include: [%q]\n", file) },
	write: func(file, word string, _ int) error {
		var b strings.Builder
		b.WriteString("policy:\n  local_records:\n")
		for i := range localNames {
			fmt.Fprintf(&b, "    - %s%d.corp%d.test A 192.0.2.1\n", word, i, i%100)
		}
		return os.WriteFile(file, []byte(b.String()), 0o644)
	},
	probe: func(word string) string {
		return fmt.Sprintf("%s%d.corp%d.test.", word, localNames-1, (localNames-1)%100)
	},
	is: func(m *dns.Msg) bool { return len(m.Answer) == 1 },
}

// replaceRates are how many queries a second each of the two gets.
var replaceRates = []int{5_000, 10_000, 25_000}

// aloneRate is how many one server gets that has none beside it: what two at half of it get.
const aloneRate = 50_000

// inForce waits until a version is.
func (r *replaced) inForce(ctx context.Context, word string) error {
	at := fmt.Sprintf("127.0.0.1:%d", r.port)
	c := dns.Client{Timeout: time.Second}
	q := new(dns.Msg).SetQuestion(r.probe(word), dns.TypeA)
	end := time.Now().Add(2 * time.Minute)
	for ; time.Now().Before(end) && ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
		if m, _, err := c.ExchangeContext(ctx, q, at); err == nil &&
			r.is(m) {
			return nil
		}
	}
	return fmt.Errorf("version %s is not in force", word)
}

// replaceOnce puts a load on both servers, has one read its rules again, and prints what the
// clients of each waited.
func replaceOnce(ctx context.Context, out io.Writer, both map[string]*replaced, rate int,
	word string) error {
	const calm = 4 * time.Second
	loads := map[string]*paced{}
	loaded, end := context.WithCancel(ctx)
	defer end()
	var running sync.WaitGroup
	for name, r := range both {
		p, err := newPaced(rate, r.port)
		if err != nil {
			return err
		}
		loads[name] = p
		running.Go(func() { p.run(loaded) })
	}
	time.Sleep(time.Second) // what comes first is cold
	enter := func(phase int32) {
		for _, p := range loads {
			p.phase.Store(phase)
		}
	}
	enter(beforeIt)
	var spans [phases]time.Duration
	time.Sleep(calm)
	enter(duringIt)
	begun := time.Now()
	if err := syscall.Kill(both["replaced"].pid, syscall.SIGHUP); err != nil {
		return err
	}
	if err := both["replaced"].inForce(ctx, word); err != nil {
		return err
	}
	spans[duringIt] = time.Since(begun)
	enter(afterIt)
	time.Sleep(calm)
	end()
	running.Wait()
	spans[beforeIt], spans[afterIt] = calm, calm
	for phase := beforeIt; phase < phases; phase++ {
		for _, name := range []string{"replaced", "beside"} {
			if p := loads[name]; p != nil {
				p.print(out, name, phase, spans[phase], both[name].pid)
			}
		}
	}
	return nil
}

// print prints what the clients of a server waited in a phase.
func (p *paced) print(out io.Writer, name string, phase int, span time.Duration, pid int) {
	var waits []int32
	sent := 0
	for _, s := range p.socks {
		waits = append(waits, s.waits[phase]...)
		sent += s.count[phase]
	}
	slices.Sort(waits)
	at := func(share float64) float64 {
		if len(waits) == 0 {
			return 0
		}
		return float64(waits[int(share*float64(len(waits)-1))]) / 1000
	}
	fmt.Fprintf(out, "%s\t%d\t%s\t%.1f\t%.0f\t%.2f\t%.2f\t%.2f\t%.1f\t%d\t%d\n", name, p.rate,
		phaseNames[phase], span.Seconds(), float64(len(waits))/span.Seconds(), at(0.5), at(0.99),
		at(0.999), at(1), sent-len(waits), residentBytes([]int{pid})>>20)
}
