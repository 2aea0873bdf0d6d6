// The differential run: random zones, served by NSD, Knot DNS and BIND and signed with their tools,
// and random questions to Bailiwick, Unbound, BIND and Knot Resolver.

package interop

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

var randomPrograms = append([]string{"kresd", "kzonesign"}, programs...)

// The resolvers of the differential run.
var resolvers = []struct{ name, at string }{{"Bailiwick", "127.0.0.1:5303"},
	{"Unbound", "127.0.0.1:5301"}, {"BIND", "127.0.0.1:5302"}, {"Knot Resolver", "127.0.0.1:5306"}}

// TestRandomZones compares the answers for random zones. INTEROP_QUESTIONS and INTEROP_SEED ask for
// more than CI does, and for other worlds.
func TestRandomZones(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, randomPrograms)
		return
	}
	seed, n := fromEnvironment(t, "INTEROP_SEED", 1), fromEnvironment(t, "INTEROP_QUESTIONS", 5000)
	random := rand.New(rand.NewPCG(uint64(seed), 0))
	w := &randomRun{folder: folder(t.TempDir()), zones: randomWorld(random, 32),
		ds: map[string]string{}}
	w.serve(t)
	w.resolve(t)
	w.compare(t, randomQuestions(random, w.zones, n))
}

func fromEnvironment(t *testing.T, name string, or int) int {
	t.Helper()
	s := os.Getenv(name)
	if s == "" {
		return or
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// randomRun is a random world that is being served.
type randomRun struct {
	folder
	zones  []*randomZone // parents before children
	ds     map[string]string
	anchor string
}

// tool runs a program in the folder and returns what it prints.
func (w *randomRun) tool(t *testing.T, argv ...string) string {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = string(w.folder)
	var errors strings.Builder
	cmd.Stderr = &errors
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s%s", argv, err, out, errors.String())
	}
	return string(out)
}

// zoneFile is the name of a zone's file.
func zoneFile(z *randomZone) string { return "zone." + z.name + "signed" }

// serve signs the zones, children first, and starts their servers.
func (w *randomRun) serve(t *testing.T) {
	t.Helper()
	loopback(t)
	for _, at := range []string{rootServer, bindServer, nsdServer, knotServer} {
		w.tool(t, "ip", "addr", "add", at+"/32", "dev", "lo")
	}
	for i := len(w.zones) - 1; i >= 0; i-- {
		z := w.zones[i]
		file := w.write(t, "zone."+z.name, z.file(w.ds))
		switch {
		case z.denial == unsigned:
			w.write(t, zoneFile(z), z.file(w.ds))
		case z.server == nsdServer:
			w.signWithLDNS(t, z, file)
		case z.server == knotServer:
			w.signWithKnot(t, z)
		default:
			w.signWithBIND(t, z, file)
		}
	}
	for _, at := range []string{rootServer, bindServer} {
		conf := fmt.Sprintf("options { directory %q; listen-on { %s; }; listen-on-v6 { none; }; "+
			"recursion no; pid-file none; session-keyfile none; dnssec-validation no; "+
			"check-names primary ignore; };\ncontrols { };\n", w.folder, at)
		for _, z := range w.of(at) {
			conf += fmt.Sprintf("zone %q { type primary; file %q; };\n", z.name, zoneFile(z))
		}
		start(t, "named", "-f", "-4", "-n", "1", "-c", w.write(t, "auth."+at, conf))
	}
	conf := fmt.Sprintf("server:\n  ip-address: %s\n  username: \"\"\n  zonesdir: %q\n  "+
		"database: \"\"\n  pidfile: \"\"\n  xfrdfile: \"\"\n  zonelistfile: %q\n  "+
		"rrl-ratelimit: 0\nremote-control:\n  control-enable: no\n", nsdServer, w.folder,
		w.path("nsd.list"))
	for _, z := range w.of(nsdServer) {
		conf += fmt.Sprintf("zone:\n  name: %q\n  zonefile: %q\n", z.name, zoneFile(z))
	}
	start(t, "nsd", "-d", "-c", w.write(t, "nsd.conf", conf))
	start(t, "knotd", "-c", w.knotConfig(t))
	for _, z := range w.zones {
		await(t, z.server+":53", z.name, dns.TypeSOA, func(m *dns.Msg) bool {
			return m.Authoritative && len(m.Answer) > 0
		})
	}
}

// of are the zones that a server has.
func (w *randomRun) of(server string) (zones []*randomZone) {
	for _, z := range w.zones {
		if z.server == server {
			zones = append(zones, z)
		}
	}
	return zones
}

func (w *randomRun) signWithBIND(t *testing.T, z *randomZone, file string) {
	t.Helper()
	w.tool(t, "dnssec-keygen", "-q", "-a", z.algorithm, z.name)
	ksk := strings.TrimSpace(w.tool(t, "dnssec-keygen", "-q", "-a", z.algorithm, "-f", "KSK",
		z.name))
	argv := []string{"dnssec-signzone", "-q", "-o", z.name, "-S", "-K", ".", "-N", "keep", "-f",
		zoneFile(z)}
	switch z.denial {
	case nsec3:
		argv = append(argv, "-3", "-", "-H", "0")
	case nsec3Iterated:
		argv = append(argv, "-3", "c0ffee", "-H", "7")
	case nsec3OptOut:
		argv = append(argv, "-3", "-", "-H", "0", "-A")
	}
	w.tool(t, append(argv, file)...)
	w.ds[z.name] = w.tool(t, "dnssec-dsfromkey", "-2", ksk)
	if z.name == "." {
		key, err := os.ReadFile(w.path(ksk + ".key"))
		if err != nil {
			t.Fatal(err)
		}
		for l := range strings.Lines(string(key)) {
			if !strings.HasPrefix(l, ";") {
				w.anchor += l
			}
		}
	}
}

func (w *randomRun) signWithLDNS(t *testing.T, z *randomZone, file string) {
	t.Helper()
	argv := []string{"ldns-keygen", "-a", z.algorithm, "-k"}
	if strings.HasPrefix(z.algorithm, "RSA") {
		argv = append(argv, "-b", "2048")
	}
	key := strings.TrimSpace(w.tool(t, append(argv, z.name)...))
	argv = []string{"ldns-signzone", "-f", zoneFile(z)}
	switch z.denial {
	case nsec3:
		argv = append(argv, "-n", "-t", "0")
	case nsec3Iterated:
		argv = append(argv, "-n", "-t", "7", "-s", "c0ffee")
	case nsec3OptOut:
		argv = append(argv, "-n", "-t", "0", "-p")
	}
	w.tool(t, append(argv, file, key)...)
	w.ds[z.name] = w.tool(t, "ldns-key2ds", "-n", "-2", key+".key")
}

// knotConfig writes the configuration of Knot DNS, which serves what was signed.
func (w *randomRun) knotConfig(t *testing.T) string {
	t.Helper()
	conf := fmt.Sprintf("server:\n    rundir: %q\n    listen: %s@53\nlog:\n  - target: stderr\n"+
		"    any: error\ndatabase:\n    storage: %q\ntemplate:\n  - id: default\n    storage: %q\n"+
		"    zonefile-sync: -1\n    journal-content: none\n    semantic-checks: off\nzone:\n",
		w.folder, knotServer, w.path("knot.db"), w.folder)
	for _, z := range w.of(knotServer) {
		conf += fmt.Sprintf("  - domain: %q\n    file: %q\n", z.name, zoneFile(z))
	}
	return w.write(t, "knot.conf", conf)
}

// signWithKnot has Knot DNS sign a zone, with keys that it makes.
func (w *randomRun) signWithKnot(t *testing.T, z *randomZone) {
	t.Helper()
	out := "knot." + z.name + "out"
	if err := os.MkdirAll(w.path(out), 0o700); err != nil {
		t.Fatal(err)
	}
	policy := fmt.Sprintf("  - id: p\n    algorithm: %s\n    single-type-signing: on\n    "+
		"manual: off\n", strings.ToLower(z.algorithm))
	if z.denial != nsec {
		policy += "    nsec3: on\n    nsec3-iterations: 0\n    nsec3-salt-length: 0\n"
	}
	switch z.denial {
	case nsec3Iterated:
		policy = strings.NewReplacer("iterations: 0", "iterations: 7", "length: 0",
			"length: 3").Replace(policy)
	case nsec3OptOut:
		policy += "    nsec3-opt-out: on\n"
	}
	conf := w.write(t, "sign."+z.name, fmt.Sprintf("database:\n    storage: %q\npolicy:\n%s"+
		"zone:\n  - domain: %q\n    storage: %q\n    file: %q\n    dnssec-signing: on\n"+
		"    dnssec-policy: p\n    journal-content: none\n", w.path(out), policy, z.name, w.folder,
		"zone."+z.name))
	w.tool(t, "kzonesign", "-c", conf, "-o", w.path(out), z.name)
	signed, err := os.ReadFile(filepath.Join(w.path(out), "zone."+z.name))
	if err != nil {
		t.Fatal(err)
	}
	w.write(t, zoneFile(z), string(signed))
	for l := range strings.Lines(w.tool(t, "keymgr", "-c", conf, z.name, "ds")) {
		if f := strings.Fields(l); len(f) > 4 && f[4] == "2" {
			w.ds[z.name] += l
		}
	}
}

// resolve starts the resolvers.
func (w *randomRun) resolve(t *testing.T) {
	t.Helper()
	hints := w.write(t, "hints", ". 300 NS ns.\nns. 300 A "+rootServer+"\n")
	anchor := w.write(t, "anchor.key", w.anchor)
	f := strings.Fields(w.anchor)
	for i := range f {
		if f[i] == "DNSKEY" {
			f = f[i+1:]
			break
		}
	}
	start(t, "unbound", "-d", "-c", w.write(t, "unbound.conf", unboundConf(
		fmt.Sprintf("  interface: 127.0.0.1@5301\n  directory: %q\n  root-hints: %q\n  "+
			"trust-anchor-file: %q\n  minimal-responses: yes\n", w.folder, hints, anchor), "")))
	start(t, "named", "-f", "-4", "-n", "1", "-c", w.write(t, "named.conf", fmt.Sprintf(
		"options { directory %q; listen-on port 5302 { 127.0.0.1; }; listen-on-v6 { none; }; "+
			"recursion yes; pid-file none; session-keyfile none; dnssec-validation yes; "+
			"minimal-responses yes; empty-zones-enable no; };\ncontrols { };\ntrust-anchors { "+
			"\".\" static-key %s %s %s %q; };\nzone \".\" { type hint; file \"hints\"; };\n",
		w.folder, f[0], f[1], f[2], strings.Join(f[3:], ""))))
	if err := os.MkdirAll(w.path("kresd"), 0o700); err != nil {
		t.Fatal(err)
	}
	start(t, "kresd", "-n", "-c", w.write(t, "kresd.conf", fmt.Sprintf("log_level('crit')\n"+
		"net.ipv6 = false\nnet.listen('127.0.0.1', 5306, { kind = 'dns' })\n"+
		"cache.open(50*MB, 'lmdb://%s')\nmodules = { 'hints > iterate' }\nhints.root_file(%q)\n"+
		"for _, m in ipairs({'ta_update','ta_signal_query','priming','detect_time_skew',"+
		"'detect_time_jump'}) do pcall(modules.unload, m) end\ntrust_anchors.remove('.')\n"+
		"trust_anchors.add_file(%q, true)\n", w.path("kresd"), hints, anchor)),
		w.path("kresd"))
	conf := w.write(t, "bailiwick.yaml", fmt.Sprintf("listen: {udp: [\"127.0.0.1:5303\"], "+
		"tcp: [\"127.0.0.1:5303\"]}\nadmin: {listen: \"\"}\nlog: {level: error}\nresolver: "+
		"{ipv6: \"false\", root_hints_file: %q}\ntrust_anchors: {builtin: false, file: %q}\n"+
		"policy: {special_names: false}\n", hints, anchor))
	start(t, build(t, string(w.folder)), "serve", "--config", conf)
	for _, r := range resolvers {
		await(t, r.at, ".", dns.TypeSOA, func(m *dns.Msg) bool {
			return m.Rcode == dns.RcodeSuccess && m.AuthenticatedData
		})
	}
}

// compare puts the questions to all resolvers. Each answer of Bailiwick's is that of one of the
// others, or is explained.
func (w *randomRun) compare(t *testing.T, qs []dns.Question) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	same, some, alone := 0, 0, 0
	explained, kinds := map[string]int{}, map[string]int{}
	work := make(chan dns.Msg)
	for range 8 {
		wg.Go(func() {
			for m := range work {
				got := make([]string, len(resolvers))
				why := ""
				for i, r := range resolvers {
					a, err := askWith(r.at, &m)
					if err != nil {
						got[i] = err.Error()
						continue
					}
					got[i] = verdict(a)
					if i == 0 && leadsToItself(a) {
						why = "an alias that leads to itself"
					}
				}
				agree := 0
				for _, v := range got[1:] {
					if v == got[0] {
						agree++
					}
				}
				kind, _, _ := strings.Cut(got[0], " |")
				if f := strings.Fields(kind); len(f) > 1 {
					kind = f[0] + " " + f[1]
				}
				mu.Lock()
				kinds[kind]++
				switch {
				case agree == len(got)-1:
					same++
				case agree > 0:
					some++
				case why != "":
					explained[why]++
				default:
					if alone++; alone <= 40 {
						t.Errorf("%s", w.tell(&m, got))
					}
				}
				mu.Unlock()
			}
		})
	}
	for i, q := range qs {
		work <- asClient(i, q)
	}
	close(work)
	wg.Wait()
	t.Logf("%d questions about %d zones: %d times all four agree, %d times Bailiwick agrees with "+
		"some of three that differ; %d times with none; alone for a reason: %v. %v", len(qs),
		len(w.zones), same, some, alone, explained, kinds)
}

// asClient puts a question as one of several kinds of clients would: most validate behind us, some
// do not care, or want the AD bit alone (RFC 6840, section 5.7), or check by themselves (CD).
func asClient(i int, q dns.Question) dns.Msg {
	m := new(dns.Msg).SetQuestion(q.Name, q.Qtype)
	m.SetEdns0(1232, i%4 < 2)
	m.AuthenticatedData, m.CheckingDisabled = i%4 == 2, i%8 == 1
	return *m
}

// tell describes a question with its answers.
func (w *randomRun) tell(m *dns.Msg, got []string) string {
	var b strings.Builder
	q := m.Question[0]
	fmt.Fprintf(&b, "%s %s DO=%v AD=%v CD=%v", q.Name, dns.TypeToString[q.Qtype],
		m.IsEdns0().Do(), m.AuthenticatedData, m.CheckingDisabled)
	for i, r := range resolvers {
		fmt.Fprintf(&b, "\n  %-13s %s", r.name, got[i])
	}
	return b.String()
}

// leadsToItself reports whether an answer ends with an alias of its own name. It is passed on as it
// is, for it is all that the name has, as Unbound does since 1.26; the others here say SERVFAIL.
func leadsToItself(m *dns.Msg) bool {
	for _, rr := range m.Answer {
		if c, ok := rr.(*dns.CNAME); ok && strings.EqualFold(c.Hdr.Name, c.Target) {
			return true
		}
	}
	return false
}
