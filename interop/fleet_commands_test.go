// A fleet of confined processes that does what an operator tells one of them, by a Redis that
// forges, replays, forgets, stalls, is full, dies and comes back with an old copy of its disk.

package interop

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
)

// commanded is a fleet of which every node does what one is told.
type commanded struct {
	fleetOf
	nodes map[int]*exec.Cmd
	log   *os.File // of all nodes
}

// TestFleetCommands is the second half of what issue 19 wants to be shown of the store: commands
// that are forged and replayed do nothing, and those that are given are done everywhere.
func TestFleetCommands(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, []string{"ip", "unshare", "redis-server"})
		return
	}
	c := newCommanded(t, 4)
	c.confined()
	c.commands()
	c.hints()
	c.sharesSecrets()
	c.tellsEachOther()
	c.replays()
	c.forges()
	c.forgets()
	c.stallsAndFills()
	c.comesBackOld()
}

// newCommanded returns a fleet of nodes that have met.
func newCommanded(t *testing.T, nodes int) *commanded {
	c := &commanded{fleetOf: *newFleet(t, lab.Internet(time.Now())), nodes: map[int]*exec.Cmd{}}
	log, err := os.Create(c.dir.path("log"))
	if err != nil {
		t.Fatal(err)
	}
	c.log = log
	t.Cleanup(func() {
		if text, _ := os.ReadFile(log.Name()); t.Failed() {
			t.Logf("the nodes' log:\n%s", text)
		}
		_ = log.Close()
	})
	(&day{t: t, dir: c.dir}).certify(0)
	for n := 1; n <= nodes; n++ {
		c.begin(n, "")
	}
	c.meets(nodes)
	return c
}

// configure writes the configuration of a node, with lines of its own.
func (c *commanded) configure(n int, own string) (file string) {
	return c.dir.write(c.t, fmt.Sprintf("node%d.yaml", n), fmt.Sprintf(`
listen: {udp: [%q], tcp: [%[1]q], dot: ["127.0.0.1:%d"]}
tls: {certificates: [{certificate: %q, key: %q}]}
admin: {listen: "127.0.0.1:%d"}
control: {socket: %q}
log: {level: error}
shutdown: {wait: 0}
state: {directory: %q}
resolver: {ipv6: "false", root_hints_file: %q, do_not_query_localhost: false}
trust_anchors: {builtin: false, records: [%q]}
incidents: {queries: 2}
fleet: {store: %q, secret_file: %q, commands: true, node: ns%d}
`, at(n), 5600+n, c.dir.path("cert0.pem"), c.dir.path("key0.pem"), 5500+n, c.socket(n),
		c.dir.path(fmt.Sprintf("state%d", n)), c.dir.write(c.t, "hints", c.root.hints()),
		c.root.anchor, storeAddr, c.dir.path("secret"), n)+own)
}

func (c *commanded) socket(n int) string { return c.dir.path(fmt.Sprintf("ctl%d", n)) }

// begin starts a node, with what it has kept.
func (c *commanded) begin(n int, own string) {
	c.t.Helper()
	cmd := exec.Command(c.bin, "serve", "--config", c.configure(n, own))
	cmd.Stdout, cmd.Stderr = c.log, c.log
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.nodes[n] = cmd
	c.t.Cleanup(func() { _ = cmd.Process.Signal(syscall.SIGTERM); _ = cmd.Wait() })
	c.until("a node is there", func() bool {
		_, err := ask(at(n), "nic.example.", dns.TypeA)
		return err == nil
	})
}

// end ends a node by a signal.
func (c *commanded) end(n int, signal syscall.Signal) {
	_ = c.nodes[n].Process.Signal(signal)
	_ = c.nodes[n].Wait()
	delete(c.nodes, n)
}

// ctl runs a command of ctl at a node, and returns its result.
func (c *commanded) ctl(n int, args ...string) map[string]any {
	c.t.Helper()
	out, err := exec.Command(c.bin, append([]string{"ctl", "--json", "--socket", c.socket(n)},
		args...)...).CombinedOutput()
	var m map[string]any
	if err != nil || json.Unmarshal(out, &m) != nil {
		c.t.Fatalf("node %d, %v: %v\n%s", n, args, err, out)
	}
	return m
}

// tells has a node tell the fleet something, and waits until all nodes have done it. That is so
// when ctl returns, unless the machine is busy for as long as ctl waits for them.
func (c *commanded) tells(n int, args ...string) {
	c.t.Helper()
	m := c.ctl(n, append(args, "--fleet")...)
	named := 0
	for _, how := range []string{"applied", "waiting", "silent"} {
		named += len(lists(m, "fleet_"+how))
	}
	if named < len(c.nodes) { // one that has ended for good is named too
		c.t.Errorf("%v", m)
	}
	c.until("all nodes have done it", func() bool {
		e := rowsOf(c.ctl(n, "fleet", "audit", "--limit", "1"))[0]
		return len(lists(e, "applied")) == len(c.nodes)
	})
}

// rowsOf returns the table of a result.
func rowsOf(m map[string]any) (rows []map[string]any) {
	list, _ := m["rows"].([]any)
	for _, r := range list {
		rows = append(rows, r.(map[string]any))
	}
	return rows
}

// meets waits until all nodes have heard of each other.
func (c *commanded) meets(want int) {
	c.t.Helper()
	for n := range c.nodes {
		c.until("the nodes hear of each other", func() bool {
			heard := 0
			for _, r := range rowsOf(c.ctl(n, "fleet", "nodes")) {
				if r["state"] != "silent" {
					heard++
				}
			}
			return heard == want
		})
	}
}

// confined shows that this is the fleet of processes that have taken from themselves what they do
// not need.
func (c *commanded) confined() {
	c.t.Helper()
	for n := range c.nodes {
		for _, by := range []string{"landlock", "seccomp"} {
			if c.metric(n, `bailiwick_confined{by="`+by+`"}`) != 1 {
				c.t.Errorf("node %d is not confined by %s", n, by)
			}
		}
	}
}

// resolves waits until a name has an RCODE at all nodes.
func (c *commanded) resolves(when, name string, rcode int) {
	c.t.Helper()
	for n := range c.nodes {
		c.until(fmt.Sprintf("%s: node %d: %s: %s", when, n, name, dns.RcodeToString[rcode]),
			func() bool {
				m, err := ask(at(n), name, dns.TypeA)
				return err == nil && m.Rcode == rcode
			})
	}
}

// stays fails if a name has another RCODE at any node.
func (c *commanded) stays(when, name string, rcode int) {
	c.t.Helper()
	for n := range c.nodes {
		if m, err := ask(at(n), name, dns.TypeA); err != nil || m.Rcode != rcode {
			c.t.Errorf("%s: node %d: %s: %v\n%v", when, n, name, err, m)
		}
	}
}

const brokenName = "www.expired.faulty."

// lists returns a list of a result.
func lists(m map[string]any, name string) (texts []string) {
	list, _ := m[name].([]any)
	for _, v := range list {
		texts = append(texts, fmt.Sprint(v))
	}
	return texts
}

// commands shows that all do what one is told, and that the trail has who has told it.
func (c *commanded) commands() {
	c.t.Helper()
	c.stays("at first", brokenName, dns.RcodeServerFailure)
	c.tells(2, "nta", "add", "expired.faulty", "--reason", "ticket 7", "--for", "2h")
	c.stays("with an exception", brokenName, dns.RcodeSuccess)
	c.until("the trail knows of all", func() bool {
		e := rowsOf(c.ctl(4, "fleet", "audit", "--limit", "1"))[0]
		return e["operation"] == "nta add" && e["node"] == "ns2" &&
			strings.Contains(fmt.Sprint(e["by"]), "uid 0") &&
			strings.Contains(fmt.Sprint(e["arguments"]), "ticket 7") &&
			len(lists(e, "applied")) == 4 && len(lists(e, "missing")) == 0
	})
	c.tells(1, "maintenance", "add", "faulty", "--for", "1h", "--owner", "me")
	if rows := rowsOf(c.ctl(3, "maintenance", "list")); len(rows) != 1 ||
		rows[0]["zone"] != "faulty." || rows[0]["owner"] != "me" {
		c.t.Errorf("%v", rows)
	}
	c.tells(4, "maintenance", "remove", "faulty")
	if rows := rowsOf(c.ctl(3, "maintenance", "list")); len(rows) != 0 {
		c.t.Errorf("%v", rows)
	}
	// What is flushed at one is asked for again at all, and comes back from no store.
	name := wildNames("flushed", 1)
	for n := range c.nodes {
		c.wants(n, name)
	}
	c.world.Transcript()
	for n := range c.nodes {
		c.wants(n, name)
	}
	if n := c.asked("flushed"); n != 0 {
		c.t.Errorf("what is known is asked for %d times", n)
	}
	c.tells(3, "flush", name[0])
	c.world.Transcript()
	c.wants(1, name)
	if n := c.asked("flushed"); n == 0 {
		c.t.Error("it was flushed, and nobody was asked")
	}
}

// hints shows that nodes hear of a command at once, from a Redis that somebody floods with forged
// hints, that ends their connections, and that does not allow one of them to listen.
func (c *commanded) hints() {
	c.t.Helper()
	hints := func(n int, outcome string) int {
		return c.metric(n, `bailiwick_fleet_hints_total{outcome="`+outcome+`"}`)
	}
	listening := func() int {
		m, err := c.client.Do(c.t.Context(), c.client.B().PubsubNumsub().
			Channel(hintChannel).Build()).AsIntMap()
		if err != nil {
			c.t.Fatal(err)
		}
		return int(m[hintChannel])
	}
	c.until("all listen", func() bool { return listening() == len(c.nodes) })
	// The commands before this one may have taken what a node heeds in a second of the clock.
	time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second)))
	heeded := hints(2, "heeded")
	c.ctl(1, "nta", "remove", "expired.faulty", "--fleet")
	c.until("a hint is heeded", func() bool { return hints(2, "heeded") > heeded })
	publish := func(times int, text string) {
		for range times {
			if err := c.client.Do(c.t.Context(), c.client.B().Publish().Channel(hintChannel).
				Message(text).Build()).Error(); err != nil {
				c.t.Fatal(err)
			}
		}
	}
	while(func() {
		c.until("forged hints are not heeded", func() bool { return hints(2, "unheeded") > 100 })
		c.tells(1, "nta", "add", "expired.faulty")
	}, func() { publish(10, "forged") })
	told := func(n int) bool { return c.ctl(n, "fleet")["unheard_commands"] != nil }
	for _, n := range []int{2, 3} { // they listen again after a while
		c.until("a flood has the nodes leave it", func() bool {
			publish(2, strings.Repeat("x", 1<<20))
			return told(n)
		})
	}
	c.until("they listen again", func() bool { return listening() == len(c.nodes) })
	err := c.client.Do(c.t.Context(), c.client.B().Arbitrary("CLIENT", "KILL", "TYPE",
		"pubsub").Build()).Error()
	if err != nil {
		c.t.Fatal(err)
	}
	c.tells(4, "nta", "remove", "expired.faulty") // nobody hears of it
	c.until("they listen again", func() bool { return listening() == len(c.nodes) })
	c.until("it is over", func() bool { return !told(2) && !told(3) })
	c.stays("after the hints", brokenName, dns.RcodeServerFailure)
}

// hintChannel is the channel of nodes that use database 0.
const hintChannel = "bailiwick:fleet:hints:0"

// sharesSecrets shows that a cookie and a session ticket of one node count at another.
func (c *commanded) sharesSecrets() {
	c.t.Helper()
	cookie := "0102030405060708"
	query := func(n int) {
		m := new(dns.Msg).SetQuestion("nic.example.", dns.TypeA)
		m.SetEdns0(1232, false)
		m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE,
			Cookie: cookie})
		r, err := askWith(at(n), m)
		if err != nil {
			c.t.Fatal(err)
		}
		for _, o := range r.IsEdns0().Option {
			if e, ok := o.(*dns.EDNS0_COOKIE); ok {
				cookie = e.Cookie
			}
		}
	}
	count := func(n int, kind string) int {
		return c.metric(n, `bailiwick_client_cookies_total{cookie="`+kind+`"}`)
	}
	query(1)
	query(2)
	if count(1, "new") != 1 || count(2, "valid") != 1 || count(2, "invalid") != 0 {
		c.t.Error("a cookie of one node is not valid at another")
	}
	c.tells(4, "cookies", "renew")
	query(3) // it was not used yet
	if count(3, "valid") != 1 {
		c.t.Error("a new secret is used before all have it")
	}
	c.until("the new secret is used", func() bool {
		query(2)
		return count(2, "former") > 0
	})
	query(3) // whether they use it already or not: each begins with its next look
	query(1)
	if count(1, "invalid")+count(2, "invalid")+count(3, "invalid") != 0 {
		c.t.Error("a cookie is lost when the secret changes")
	}
	cfg := &tls.Config{ServerName: "dns.example", InsecureSkipVerify: true,
		ClientSessionCache: tls.NewLRUClientSessionCache(1)}
	resumed := func(n int) bool {
		conn, err := dns.DialWithTLS("tcp", fmt.Sprintf("127.0.0.1:%d", 5600+n), cfg)
		if err != nil {
			c.t.Fatal(err)
		}
		defer conn.Close()
		if err := conn.WriteMsg(new(dns.Msg).SetQuestion("nic.example.", dns.TypeA)); err != nil {
			c.t.Fatal(err)
		}
		if _, err := conn.ReadMsg(); err != nil {
			c.t.Fatal(err)
		}
		return conn.Conn.(*tls.Conn).ConnectionState().DidResume
	}
	if resumed(1) || !resumed(2) || !resumed(4) {
		c.t.Error("a session that one node began is not resumed by another")
	}
}

// tellsEachOther shows that each node knows what is broken at others, and what is otherwise there.
func (c *commanded) tellsEachOther() {
	c.t.Helper()
	for range 5 {
		_, _ = ask(at(3), "www.ds-mismatch.faulty.", dns.TypeA)
		_, _ = ask(at(3), "a.ds-mismatch.faulty.", dns.TypeA)
	}
	c.until("an incident is known at another node", func() bool {
		return slices.ContainsFunc(rowsOf(c.ctl(1, "incidents", "--fleet")),
			func(r map[string]any) bool {
				return r["node"] == "ns3" && r["zone"] == "ds-mismatch.faulty."
			})
	})
	c.configure(2, "policy: {local_records: [\"www.corp.example. 60 A 192.0.2.1\"]}\n")
	c.ctl(2, "reload")
	c.until("a node that answers otherwise is known", func() bool {
		for _, r := range rowsOf(c.ctl(4, "fleet", "nodes")) {
			if r["node"] == "ns2" {
				return strings.Contains(fmt.Sprint(r["differs"]), "configuration policy")
			}
		}
		return false
	})
	c.until("the metric counts it", func() bool {
		return c.metric(4, `bailiwick_fleet_nodes{state="different"}`) == 1
	})
	c.configure(2, "")
	c.ctl(2, "reload")
}

// records returns what the store has of what nodes tell each other, as somebody does who may read
// it.
func (c *commanded) records() map[string]string {
	ctx, b := c.t.Context(), c.client.B()
	keys, _ := c.client.Do(ctx, b.Keys().Pattern("bailiwick:fleet:*").Build()).AsStrSlice()
	records := map[string]string{}
	for _, key := range keys {
		if v, err := c.client.Do(ctx, b.Get().Key(key).Build()).ToString(); err == nil {
			records[key] = v
		}
	}
	return records
}

// put has the store have a value.
func (c *commanded) put(key, value string) {
	_ = c.client.Do(c.t.Context(), c.client.B().Set().Key(key).Value(value).Build()).Error()
}

// counted is how often something came at a node.
func (c *commanded) counted(n int, outcome string) int {
	return c.metric(n, `bailiwick_fleet_commands_total{outcome="`+outcome+`"}`)
}

// total is how often something came at all nodes.
func (c *commanded) total(outcome string) (sum int) {
	for n := range c.nodes {
		sum += c.counted(n, outcome)
	}
	return sum
}

// while does something again and again beside something else.
func while(work, beside func()) {
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
				beside()
			}
		}
	}()
	work()
	close(stop)
	<-done
}

// replays has the store show what it had before an exception was taken back, while one node comes
// back with an old backup, and another one is new.
func (c *commanded) replays() {
	c.t.Helper()
	c.tells(1, "nta", "add", "expired.faulty")
	c.stays("before", brokenName, dns.RcodeSuccess)
	old := c.records()
	c.end(4, syscall.SIGTERM)
	backup := c.dir.path("backup")
	out, err := exec.Command("cp", "-a", c.dir.path("state4"), backup).CombinedOutput()
	if err != nil {
		c.t.Fatalf("%v %s", err, out)
	}
	c.begin(4, "")
	c.meets(4)
	c.tells(3, "nta", "remove", "expired.faulty")
	c.stays("taken back", brokenName, dns.RcodeServerFailure)
	c.end(4, syscall.SIGKILL)
	if err := os.RemoveAll(c.dir.path("state4")); err != nil {
		c.t.Fatal(err)
	}
	if err := os.Rename(backup, c.dir.path("state4")); err != nil {
		c.t.Fatal(err)
	}
	seen := func(n int) int { return c.counted(n, "replayed") + c.counted(n, "over") }
	while(func() {
		c.until("a replay is seen", func() bool { return seen(1) > 0 })
		c.begin(5, "") // without any state
		before := map[int]int{}
		for n := range c.nodes {
			before[n] = seen(n)
		}
		c.until("each node has seen many replays", func() bool {
			all := true
			for n := range c.nodes {
				if m, err := ask(at(n), brokenName, dns.TypeA); err != nil ||
					m.Rcode != dns.RcodeServerFailure {
					c.t.Fatalf("node %d has done what was replayed: %v\n%v", n, err, m)
				}
				all = all && seen(n) > before[n]+5
			}
			return all
		})
	}, func() {
		for k, v := range old {
			c.put(k, v)
		}
	})
	c.begin(4, "") // it has the exception still, of its old backup
	c.meets(5)
	c.resolves("after the replay", brokenName, dns.RcodeServerFailure)
	c.end(5, syscall.SIGTERM)
}

// forges has somebody write into the store what is forged, swapped, cut, too long and no value,
// while a node catches up.
func (c *commanded) forges() {
	c.t.Helper()
	c.end(4, syscall.SIGTERM)
	c.ctl(1, "nta", "add", "expired.faulty", "--fleet")
	forged, i, other := map[string]string{}, 0, ""
	while(func() {
		c.until("a forgery is seen", func() bool { return c.total("forged") > 0 })
		c.begin(4, "")
		c.until("the node that comes back sees all kinds", func() bool {
			return c.counted(4, "forged") > 0 && c.counted(4, "malformed") > 0
		})
	}, func() {
		for k, v := range c.records() {
			if len(v) < 100 || v == forged[k] {
				continue
			}
			switch i++; i % 5 {
			case 0:
				v = v[:60] + string(v[60]^1) + v[61:]
			case 1:
				v, other = other, v
			case 2:
				v = v[:len(v)/2]
			case 3:
				v += strings.Repeat("x", 70<<10)
			case 4:
				c.client.Do(c.t.Context(), c.client.B().Del().Key(k).Build())
				c.client.Do(c.t.Context(), c.client.B().Lpush().Key(k).Element(v).Build())
				continue
			}
			forged[k] = v
			c.put(k, v)
		}
	})
	c.resolves("after the forger", brokenName, dns.RcodeSuccess)
	c.resolves("other zones", "www.ds-mismatch.faulty.", dns.RcodeServerFailure)
}

// forgets has the store lose all it has while commands are given.
func (c *commanded) forgets() {
	c.t.Helper()
	flush := func() {
		c.client.Do(c.t.Context(), c.client.B().Flushall().Build())
	}
	while(func() { c.ctl(2, "nta", "remove", "expired.faulty", "--fleet") }, flush)
	c.resolves("the store forgets", brokenName, dns.RcodeServerFailure)
}

// stallsAndFills has the store not reply, and take nothing.
func (c *commanded) stallsAndFills() {
	c.t.Helper()
	if err := c.store.Process.Signal(syscall.SIGSTOP); err != nil {
		c.t.Fatal(err)
	}
	m := c.ctl(1, "nta", "add", "expired.faulty", "--fleet")
	if got := lists(m, "fleet_applied"); len(got) != 1 ||
		len(lists(m, "fleet_waiting"))+len(lists(m, "fleet_silent")) < 3 {
		c.t.Errorf("%v", m)
	}
	c.wants(3, wildNames("stalled", 20))
	if err := c.store.Process.Signal(syscall.SIGCONT); err != nil {
		c.t.Fatal(err)
	}
	c.resolves("the store goes on", brokenName, dns.RcodeSuccess)
	set := func(name, value string) {
		if err := c.client.Do(c.t.Context(), c.client.B().ConfigSet().ParameterValue().
			ParameterValue(name, value).Build()).Error(); err != nil {
			c.t.Fatal(err)
		}
	}
	set("maxmemory-policy", "noeviction")
	set("maxmemory", "1")
	m = c.ctl(2, "nta", "remove", "expired.faulty", "--fleet")
	if got := lists(m, "fleet_applied"); len(got) != 1 {
		c.t.Errorf("a store that takes nothing passes on: %v", m)
	}
	set("maxmemory", "0")
	c.resolves("the store takes again", brokenName, dns.RcodeServerFailure)
}

// comesBackOld kills the store, and has it come back with an old copy of its disk.
func (c *commanded) comesBackOld() {
	c.t.Helper()
	c.meets(4)
	c.tells(1, "nta", "add", "expired.faulty")
	err := c.client.Do(c.t.Context(), c.client.B().Arbitrary("SAVE").Build()).Error()
	if err != nil {
		c.t.Fatal(err)
	}
	c.tells(3, "nta", "remove", "expired.faulty")
	c.end(2, syscall.SIGKILL)
	_ = c.store.Process.Kill()
	_ = c.store.Wait()
	m := c.ctl(1, "nta", "add", "ds-mismatch.faulty", "--fleet")
	if m["fleet_problem"] == nil && lists(m, "fleet_waiting") == nil {
		c.t.Errorf("%v", m)
	}
	c.startStore() // it reads dump.rdb
	c.begin(2, "")
	c.meets(4)
	c.resolves("an old copy", "www.ds-mismatch.faulty.", dns.RcodeSuccess)
	c.stays("an old copy", brokenName, dns.RcodeServerFailure)
}
