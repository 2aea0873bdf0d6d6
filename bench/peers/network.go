// Bad networks: far servers and lost packets, and how long a user waits for names that nobody has
// asked for before.

package main

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
)

// network is what lies between resolvers and the authorities.
type network struct {
	name, about string
	rtt         time.Duration // of every server; 0: 4 to 200 ms, by its address
	replies     float64       // the share of replies over UDP that are lost
	both        float64       // the share of packets that are lost, either way, also over TCP
	deep        bool          // few questions, from an empty cache: see farNames
}

var networks = []network{
	{name: "lossless", about: "servers 4 to 200 ms away"},
	{name: "replies-20", about: "and 20 % of replies over UDP lost", replies: 0.2},
	{name: "both-20", about: "and 20 % of packets lost, both ways and over TCP", both: 0.2},
	{name: "replies-50", about: "and 50 % of replies over UDP lost", replies: 0.5},
	{name: "far-600", about: "every server 600 ms away, an empty cache",
		rtt: 600 * time.Millisecond, deep: true},
	{name: "far-1000", about: "every server 1 s away, an empty cache",
		rtt: time.Second, deep: true},
}

// Sizes of the network world.
const (
	tlds       = 20
	hosters    = 64
	newNames   = 2000 // asked for once each
	newRate    = 100  // a second
	clientWait = 8 * time.Second
)

// path delays and loses replies, as this network does. The lab calls it for each query.
func (n *network) path(in lab.Incoming, r lab.Reply) lab.Reply {
	rtt := cmp.Or(n.rtt, time.Duration(4+hash(in.Server.String())%197)*time.Millisecond)
	if in.TCP {
		rtt *= 2 // the handshake, which the lab does not delay
		lost := 1 - (1-n.both)*(1-n.both)
		for rto := max(rtt, 200*time.Millisecond); rand.Float64() < lost; rto *= 2 {
			rtt += rto // TCP sends again
		}
		return r.After(r.Delay + rtt)
	}
	if rand.Float64() < n.replies || rand.Float64() < n.both || rand.Float64() < n.both {
		return lab.Reply{}
	}
	return r.After(r.Delay + rtt)
}

func hash(s string) uint32 {
	h := fnv.New32a()
	_, _ = io.WriteString(h, s) // it never fails
	return h.Sum32()
}

// networkWorld is a world behind networks. The one in use is replaced between measurements.
type networkWorld struct {
	world
	lab     *lab.World
	now     atomic.Pointer[network]
	packets atomic.Int64 // that the authorities have received
	names   []string
}

// newNetworkWorld starts authorities: names in signed zones of their own, two thirds of them at
// hosters with two servers each, the others with a name server in the zone.
func newNetworkWorld(ctx context.Context, dir string) (*networkWorld, error) {
	// No address of this range leaves the namespace.
	if out, err := exec.CommandContext(ctx, "ip", "route", "add", "local", "185.53.0.0/16", "dev",
		"lo").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("ip: %w: %s", err, out)
	}
	w := &networkWorld{lab: lab.NewIn(time.Now(), [2]byte{185, 53})}
	w.lab.Path = func(in lab.Incoming, r lab.Reply) lab.Reply {
		w.packets.Add(1)
		return w.now.Load().path(in, r)
	}
	two := make([]lab.ServerFaults, 2)
	w.lab.Add(lab.Zone{Name: "example.", TTL: 86400, Servers: two})
	for i := range tlds {
		w.lab.Add(lab.Zone{Name: fmt.Sprintf("t%d.", i), TTL: 86400, Servers: two})
	}
	w.lab.Add(lab.Zone{Name: "nsec.example.", Records: "www A 192.0.2.3"})
	for i := range hosters {
		w.lab.Add(lab.Zone{Name: fmt.Sprintf("hoster%d.t%d.", i, i%tlds), TTL: 86400, Servers: two})
	}
	for i := range newNames {
		z := lab.Zone{Name: fmt.Sprintf("z%d.t%d.", i, i%tlds), Records: "www A 192.0.2.1"}
		if i%3 > 0 {
			z.On = fmt.Sprintf("hoster%d.t%d.", i%hosters, i%hosters%tlds)
		}
		w.lab.Add(z)
		w.names = append(w.names, "www."+z.Name)
	}
	for _, n := range farNames() {
		w.lab.Add(lab.Zone{Name: strings.TrimPrefix(n, "www."), Records: "www A 192.0.2.1",
			Servers: two})
	}
	if err := w.lab.Listen(ctx, 53); err != nil {
		return nil, err
	}
	w.root = strings.ReplaceAll(w.lab.Anchor(), "\t", " ")
	w.hints, w.anchor = filepath.Join(dir, "hints"), filepath.Join(dir, "anchor")
	name, addrs := w.lab.Roots()
	hints := fmt.Sprintf(". 3600 NS %s\n%s 3600 A %s\n", name, name, addrs[0])
	if err := os.WriteFile(w.hints, []byte(hints), 0o644); err != nil {
		return nil, err
	}
	return w, os.WriteFile(w.anchor, []byte(w.root+"\n"), 0o644)
}

// farNames are names one, two and three zone cuts below the root, each below other zones, whose
// name servers have glue.
func farNames() (names []string) {
	for i := range tlds / 2 {
		for _, zone := range []string{"far%d.t%d.", "deep.far%d.t%d."} {
			names = append(names, fmt.Sprintf("www."+zone, i, i))
		}
	}
	return names
}

// waited is what became of the questions to one resolver over one network.
type waited struct {
	subject, network string
	first            []time.Duration // until the first answer that is right, sorted
	failed           int             // SERVFAIL to the first question
	silent           int             // no answer to the first question
	resolved         int             // right, at the first question or the second
	asked            int
	packets          float64 // upstream, for each question
}

// quantile returns the time within which a share of the first questions was answered right; ok is
// false if fewer were.
func (w *waited) quantile(share float64) (d time.Duration, ok bool) {
	i := int(share * float64(w.asked))
	if i >= len(w.first) {
		return 0, false
	}
	return w.first[i], true
}

// compareNetworks runs every resolver over every network, and prints a table.
func compareNetworks(ctx context.Context, o options, dir string) error {
	w, err := newNetworkWorld(ctx, dir)
	if err != nil {
		return err
	}
	var all []waited
	for round := range o.rounds {
		for i := range networks {
			n := &networks[i]
			if o.networks != "all" && !slices.Contains(strings.Split(o.networks, ","), n.name) {
				continue
			}
			for _, s := range installed(o) {
				fmt.Fprintf(os.Stderr, "round %d: %s, %s\n", round+1, n.name, s.name)
				got, err := w.measure(ctx, n, s, filepath.Join(dir,
					fmt.Sprintf("%s-%s-%d", s.name, n.name, round)))
				if err != nil {
					return fmt.Errorf("%s: %w", s.name, err)
				}
				all = append(all, got)
			}
		}
	}
	printNetworks(os.Stdout, all)
	return nil
}

// measure asks one resolver over one network. Unless the network is for an empty cache, it knows
// the TLDs and the hosters before.
func (w *networkWorld) measure(ctx context.Context, n *network, s subject, dir string) (waited,
	error) {
	got := waited{subject: s.name, network: n.name}
	w.now.Store(&networks[0])
	if n.deep {
		w.now.Store(n)
	}
	_, stop, err := start(ctx, &w.world, s, dir)
	if err != nil {
		return got, err
	}
	defer stop()
	if !n.deep {
		if err := ready(ctx); err != nil {
			return got, err
		}
		for i := range hosters {
			name := fmt.Sprintf("ns1.hoster%d.t%d.", i, i%tlds)
			_, _ = question(ctx, name, 5*time.Second) // to fill the cache
		}
	} else if err := listening(ctx); err != nil {
		return got, err
	}
	w.now.Store(n)
	w.packets.Store(0)
	names, pace := w.names, time.Second/newRate
	if n.deep {
		names, pace = farNames(), time.Second
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for _, name := range names {
		wg.Go(func() {
			began := time.Now()
			m, err := question(ctx, name, clientWait)
			took := time.Since(began)
			right := err == nil && m.Rcode == dns.RcodeSuccess && len(m.Answer) > 0
			again := right
			if !right {
				m, err := question(ctx, name, clientWait)
				again = err == nil && m.Rcode == dns.RcodeSuccess && len(m.Answer) > 0
			}
			mu.Lock()
			defer mu.Unlock()
			got.asked++
			switch {
			case right:
				got.first = append(got.first, took)
			case err != nil:
				got.silent++
			default:
				got.failed++
			}
			if again {
				got.resolved++
			}
		})
		<-tick.C
	}
	wg.Wait()
	slices.Sort(got.first)
	got.packets = float64(w.packets.Load()) / float64(got.asked)
	return got, ctx.Err()
}

// question asks for addresses over UDP, once.
func question(ctx context.Context, name string, wait time.Duration) (*dns.Msg, error) {
	q := new(dns.Msg).SetQuestion(name, dns.TypeA)
	q.SetEdns0(1232, true)
	m, _, err := (&dns.Client{Timeout: wait}).ExchangeContext(ctx, q, address)
	return m, err
}

// listening waits until somebody listens at the resolvers' address, without asking anything.
func listening(ctx context.Context) error {
	at := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(address))
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline) &&
		ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
		c, err := net.DialUDP("udp", nil, at)
		if err != nil {
			return err
		}
		_, _ = c.Write([]byte{0}) // a closed port answers with ICMP
		_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		_, err = c.Read(make([]byte, 16))
		_ = c.Close()
		if err == nil || os.IsTimeout(err) {
			return nil
		}
	}
	return fmt.Errorf("nothing listens at %s", address)
}

// printNetworks prints a table.
func printNetworks(out io.Writer, all []waited) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "network\tresolver\tp50 ms\tp90 ms\tp99 ms\tSERVFAIL\tno answer\t"+
		"with one retry\tupstream/question\t")
	for _, n := range networks {
		for _, w := range all {
			if w.network != n.name {
				continue
			}
			cell := func(share float64) string {
				if d, ok := w.quantile(share); ok {
					return fmt.Sprint(d.Milliseconds())
				}
				return "-"
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d of %d\t%.2f\t\n", w.network, w.subject,
				cell(0.5), cell(0.9), cell(0.99), w.failed, w.silent, w.resolved, w.asked,
				w.packets)
		}
	}
	_ = t.Flush() // to a terminal or a pipe: there is nobody else to tell
	for _, n := range networks {
		fmt.Fprintf(out, "%s: %s\n", n.name, n.about)
	}
}
