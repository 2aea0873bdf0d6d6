// Five servers that share what they know by a Redis, which is killed, stalled, full, restarted and
// poisoned meanwhile.

package interop

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/valkey-io/valkey-go"

	"bailiwick/internal/lab"
)

const storeAddr = "127.0.0.1:6379"

// fleetOf is the fleet of a test.
type fleetOf struct {
	t      *testing.T
	dir    folder
	bin    string
	root   root
	world  *lab.World
	store  *exec.Cmd
	client valkey.Client
}

// TestFleet is what issue 19 wants to be shown of the store.
func TestFleet(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, []string{"ip", "unshare", "redis-server"})
		return
	}
	f := newFleet(t, lab.Internet(time.Now()))
	for n := 1; n <= 5; n++ {
		f.startNode(n)
	}
	f.shares()
	f.poisons()
	f.stalls()
	f.fills()
	f.kills()
}

// newFleet returns a fleet without nodes, with a world to resolve in, a store and a secret.
func newFleet(t *testing.T, world *lab.World) *fleetOf {
	loopback(t)
	dir := t.TempDir()
	f := &fleetOf{t: t, dir: folder(dir), bin: build(t, dir), world: world,
		root: listen(t, world)}
	f.startStore()
	f.dir.write(t, "secret", strings.Repeat("5a", 32)+"\n")
	return f
}

// startStore starts the store, with nothing in it, and waits until it is there.
func (f *fleetOf) startStore() {
	f.t.Helper()
	f.store = exec.Command("redis-server", "--bind", "127.0.0.1", "--port", "6379", "--save", "",
		"--appendonly", "no", "--dir", string(f.dir))
	if err := f.store.Start(); err != nil {
		f.t.Fatal(err)
	}
	store := f.store
	f.t.Cleanup(func() { _ = store.Process.Kill(); _ = store.Wait() })
	f.until("the store is there", func() bool {
		client, err := valkey.NewClient(valkey.ClientOption{InitAddress: []string{storeAddr},
			DisableCache: true})
		if err == nil {
			f.client = client
			f.t.Cleanup(client.Close)
		}
		return err == nil
	})
}

// until waits until something is so.
func (f *fleetOf) until(what string, is func() bool) {
	f.t.Helper()
	eventually(f.t, what, is)
}

// at returns where a node answers.
func at(n int) string { return fmt.Sprintf("127.0.0.1:%d", 5400+n) }

// startNode starts a node, which knows nothing.
func (f *fleetOf) startNode(n int) {
	f.t.Helper()
	f.start(n, fmt.Sprintf("fleet: {store: %q, secret_file: %q}\n", storeAddr,
		f.dir.path("secret")))
}

// start starts a node with further lines of configuration.
func (f *fleetOf) start(n int, lines string) {
	f.t.Helper()
	conf := f.dir.write(f.t, fmt.Sprintf("node%d.yaml", n), fmt.Sprintf("listen: {udp: [%q], tcp: "+
		"[%[1]q]}\nadmin: {listen: \"127.0.0.1:%d\"}\ncontrol: {socket: \"\"}\nlog: {level: "+
		"error}\nshutdown: {wait: 0}\nresolver: {ipv6: \"false\", root_hints_file: %q, "+
		"do_not_query_localhost: false}\ntrust_anchors: {builtin: false, records: [%q]}\n"+
		"cache: {aggressive_nsec: false}\n%s",
		at(n), 5500+n, f.dir.write(f.t, "hints", f.root.hints()), f.root.anchor, lines))
	cmd := exec.Command(f.bin, "serve", "--config", conf)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = cmd.Process.Signal(syscall.SIGTERM); _ = cmd.Wait() })
	f.until("a node is there", func() bool {
		_, err := ask(at(n), "nic.example.", dns.TypeA)
		return err == nil
	})
}

// wildNames are a number of signed names that exist, all of them different.
func wildNames(about string, n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf("%s%d.wild.secure.example.", about, i))
	}
	return list
}

// wants asks a node for names. Each has its address, proven.
func (f *fleetOf) wants(node int, names []string) {
	f.t.Helper()
	for _, name := range names {
		m, err := ask(at(node), name, dns.TypeA)
		if err != nil || m.Rcode != dns.RcodeSuccess || !m.AuthenticatedData ||
			!strings.Contains(verdict(m), wildAddress) {
			f.t.Fatalf("node %d, %s: %v\n%v", node, name, err, m)
		}
	}
}

// asked returns how often servers were asked for names that begin with a word.
func (f *fleetOf) asked(about string) (n int) {
	for _, e := range f.world.Transcript() {
		if strings.HasPrefix(strings.ToLower(e.Name), about) {
			n++
		}
	}
	return n
}

// metric returns a metric of a node.
func (f *fleetOf) metric(node int, series string) int {
	f.t.Helper()
	r, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/metrics", 5500+node))
	if err != nil {
		f.t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	m := regexp.MustCompile("(?m)^" + regexp.QuoteMeta(series) + ` (\d+)$`).FindSubmatch(text)
	if m == nil {
		f.t.Fatalf("node %d has no %s", node, series)
	}
	n, _ := strconv.Atoi(string(m[1]))
	return n
}

// unread returns how many questions of a node the store has not answered in time, which happens on
// a busy machine: then the node asks servers, as it should.
func (f *fleetOf) unread(node int) (n int) {
	f.t.Helper()
	for _, o := range []string{"failed", "skipped", "busy", "late", "joined"} {
		n += f.metric(node, `bailiwick_fleet_questions_total{outcome="`+o+`"}`)
	}
	return n
}

// wantsOfStore asks a node for names, each at a time at which it uses the store.
func (f *fleetOf) wantsOfStore(node int, names []string) {
	f.t.Helper()
	for _, name := range names {
		if f.metric(node, "bailiwick_fleet_store_up") != 1 {
			f.recovers(node, "up-for-"+strings.ReplaceAll(name, ".", "-"))
		}
		f.wants(node, []string{name})
	}
}

// unwritten returns how many records of a node the store has not taken, as on a busy machine it may
// count as one that fails.
func (f *fleetOf) unwritten(node int) (n int) {
	f.t.Helper()
	for _, o := range []string{"lost", "dropped"} {
		n += f.metric(node, `bailiwick_fleet_records_total{outcome="`+o+`"}`)
	}
	return n
}

// keysOf returns where the store has the addresses of names that begin with a word.
func (f *fleetOf) keysOf(about string) []string {
	f.t.Helper()
	keys, err := f.client.Do(f.t.Context(), f.client.B().Keys().Pattern("bailiwick:*:A:"+about+
		"*.").Build()).AsStrSlice()
	if err != nil {
		f.t.Fatal(err)
	}
	return keys
}

// stored has node 1 resolve names until so many of them are in the store, and returns these.
func (f *fleetOf) stored(about string, many int) (list []string) {
	f.t.Helper()
	for round := 0; len(list) < many; round++ {
		word := fmt.Sprintf("%s%dx", about, round)
		unwritten := f.unwritten(1)
		names := wildNames(word, many-len(list))
		f.wantsOfStore(1, names)
		f.until("records are written", func() bool {
			return len(f.keysOf(word)) == len(names) || f.unwritten(1) > unwritten
		})
		for _, key := range f.keysOf(word) {
			list = append(list, key[strings.LastIndexByte(key, ':')+1:])
		}
	}
	return list
}

// shares shows that what one node has resolved nobody asks for again.
func (f *fleetOf) shares() {
	f.t.Helper()
	const many = 200
	f.world.Transcript()
	list := f.stored("share", many)
	alone := f.asked("share")
	unread := 0
	for node := 2; node <= 5; node++ {
		f.wantsOfStore(node, list)
		unread += f.unread(node)
	}
	if n := f.asked("share"); n > unread {
		f.t.Errorf("four further nodes have sent %d questions, %d of them for want of the store", n,
			unread)
	}
	for node := 2; node <= 5; node++ {
		f.t.Logf("node %d: %d entries from the store for %d names", node,
			f.metric(node, `bailiwick_fleet_questions_total{outcome="found"}`), many)
	}
	f.t.Logf("%d questions to servers for %d names at five nodes", alone, many)
}

// poisons has records in the store that are forged, replayed, cut off, too long, and not records.
func (f *fleetOf) poisons() {
	f.t.Helper()
	ctx, b := f.t.Context(), f.client.B()
	list := f.stored("poison", 60)
	keys := f.keysOf("poison")
	get := func(key string) string {
		v, err := f.client.Do(ctx, b.Get().Key(key).Build()).ToString()
		if err != nil {
			f.t.Fatal(err)
		}
		return v
	}
	other := get(keys[0])
	for i, key := range keys[1:] {
		v := get(key)
		switch i % 6 {
		case 0: // another address
			v = v[:len(v)-200] + string(v[len(v)-200]^1) + v[len(v)-199:]
		case 1:
			v = other // of another name
		case 2:
			v = v[:len(v)/2]
		case 3:
			v += strings.Repeat("x", 1<<20)
		case 4:
			v = "hello"
		case 5:
			f.client.Do(ctx, b.Del().Key(key).Build())
			if err := f.client.Do(ctx, b.Lpush().Key(key).Element(v).Build()).Error(); err != nil {
				f.t.Fatal(err)
			}
			continue
		}
		if err := f.client.Do(ctx, b.Set().Key(key).Value(v).Build()).Error(); err != nil {
			f.t.Fatal(err)
		}
	}
	unread := f.unread(2)
	f.wantsOfStore(2, list)
	unread = f.unread(2) - unread
	refused := 0
	for _, reason := range []string{"forged", "malformed", "misplaced"} {
		n := f.metric(2, `bailiwick_fleet_refused_records_total{reason="`+reason+`"}`)
		f.t.Logf("%s: %d", reason, n)
		if n == 0 {
			f.t.Errorf("none was refused as %s", reason)
		}
		refused += n
	}
	if refused+unread < 40 {
		f.t.Errorf("%d records were refused, %d were not read", refused, unread)
	}
	if n := f.metric(2, "bailiwick_fleet_store_up"); n != 1 && unread == 0 {
		f.t.Error("a store with records that are of no use counts as failed")
	}
}

// stalls has the store stop, and go on.
func (f *fleetOf) stalls() {
	f.t.Helper()
	if err := f.store.Process.Signal(syscall.SIGSTOP); err != nil {
		f.t.Fatal(err)
	}
	f.wants(3, wildNames("stall", 30))
	if f.metric(3, "bailiwick_fleet_store_up") != 0 ||
		f.metric(3, `bailiwick_fleet_questions_total{outcome="skipped"}`) == 0 {
		f.t.Error("a store that does not reply is asked again and again")
	}
	if err := f.store.Process.Signal(syscall.SIGCONT); err != nil {
		f.t.Fatal(err)
	}
	f.recovers(3, "continue")
}

// recovers waits until a node uses the store again.
func (f *fleetOf) recovers(node int, about string) {
	f.t.Helper()
	i := 0
	f.until("the store is used again", func() bool {
		f.wants(node, wildNames(about+strconv.Itoa(i)+"x", 1))
		i++
		return f.metric(node, "bailiwick_fleet_store_up") == 1
	})
}

// fills has the store be full.
func (f *fleetOf) fills() {
	f.t.Helper()
	full := func(octets string) {
		for _, c := range [][2]string{{"maxmemory-policy", "noeviction"}, {"maxmemory", octets}} {
			if err := f.client.Do(f.t.Context(), f.client.B().ConfigSet().ParameterValue().
				ParameterValue(c[0], c[1]).Build()).Error(); err != nil {
				f.t.Fatal(err)
			}
		}
	}
	known := f.stored("known", 20)
	full("100kb")
	f.world.Transcript()
	f.wants(4, wildNames("full", 30))
	unread := f.unread(4)
	f.wantsOfStore(4, known)
	unread = f.unread(4) - unread
	if n := f.asked("known"); n > unread {
		f.t.Errorf("what a full store has is not read: %d questions, %d of them for want of it", n,
			unread)
	}
	f.until("a full store is told of", func() bool {
		return f.metric(4, `bailiwick_fleet_records_total{outcome="lost"}`) > 0
	})
	full("0")
}

// kills ends the store, and starts another one.
func (f *fleetOf) kills() {
	f.t.Helper()
	_ = f.store.Process.Kill()
	_ = f.store.Wait()
	f.wants(5, wildNames("kill", 30))
	if f.metric(5, "bailiwick_fleet_store_up") != 0 {
		f.t.Error("a store that is gone counts as working")
	}
	f.startStore()
	f.recovers(5, "again")
	f.recovers(1, "one")
	round := 0
	f.until("node 1 has from the store what node 5 has found out", func() bool {
		about := fmt.Sprintf("after%dx", round)
		round++
		list := wildNames(about, 5)
		f.world.Transcript()
		f.wants(5, list)
		f.wants(1, list)
		return f.asked(about) == len(list)
	})
}

// wildAddress is the address of every name below wild.secure.example.
const wildAddress = "192.0.2."
