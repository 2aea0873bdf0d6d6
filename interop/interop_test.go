// Package interop holds no code: its tests put Bailiwick before real authoritative servers (BIND,
// NSD, Knot DNS, with zones signed by their own tools) and compare it, question by question, with
// Unbound and BIND as resolvers of the same zones, and with what delv, drill and kdig say.
//
// They need root, iproute2 and the Debian packages that .ci/run installs; elsewhere they skip and
// say so. Everything runs in a network namespace of its own.
package interop

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// programs are what the tests run.
var programs = []string{"ip", "unshare", "named", "dnssec-signzone", "unbound", "nsd",
	"ldns-signzone", "knotd", "keymgr", "kdig", "delv", "drill"}

// inside is set in the process that runs in the namespace.
const inside = "BAILIWICK_INTEROP"

// The resolvers, all in front of the same zones.
const (
	unboundAddr   = "127.0.0.1:5301"
	bindAddr      = "127.0.0.1:5302"
	bailiwickAddr = "127.0.0.1:5303"
)

func TestInterop(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, programs)
		return
	}
	dir := startWorld(t)
	t.Run("differential", differential)
	t.Run("direct", direct)
	t.Run("delv", func(t *testing.T) { delv(t, dir) })
	t.Run("drill", func(t *testing.T) { drill(t, dir) })
	t.Run("explain", func(t *testing.T) { explainReal(t, dir) })
	t.Run("lab", func(t *testing.T) { labSideBySide(t, dir) })
}

// enter runs this test again in a network namespace, where what it mounts is its own.
func enter(t *testing.T, programs []string) {
	t.Helper()
	enterWith(t, programs)
}

// enterWith is enter with flags of the test. Such tests have a network, programs and folders of
// their own, and wait for most of their time: they run side by side.
func enterWith(t *testing.T, programs []string, flags ...string) {
	t.Helper()
	t.Parallel()
	enterNow(t, programs, flags...)
}

// enterNow is enterWith for a test that runs side by side with others already.
func enterNow(t *testing.T, programs []string, flags ...string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root for a network namespace; .ci/run has it")
	}
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("%s is not installed; .ci/run installs it", p)
		}
	}
	args := []string{"-n", "-m", "--", os.Args[0], "-test.run", "^" + t.Name() + "$", "-test.v"}
	cmd := exec.Command("unshare", append(args, flags...)...)
	cmd.Env = append(os.Environ(), inside+"=1", builtAs+"="+built(t))
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
}

// builtAs is where a test inside a network namespace finds the binary.
const builtAs = "INTEROP_BINARY"

// builds is the folder of what is built for all tests, and its maker.
var builds = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "interop")
	if err == nil {
		err = os.Chmod(dir, 0o755) // some tests run it as another user
	}
	return dir, err
})

// compiled builds the binary, once for all tests.
var compiled = sync.OnceValues(func() (string, error) {
	dir, err := builds()
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "bailiwick")
	out, err := exec.Command("go", "build", "-o", bin, "bailiwick/cmd/bailiwick").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("go build: %w\n%s", err, out)
	}
	return bin, err
})

// built returns the path of the binary.
func built(t *testing.T) string {
	t.Helper()
	bin, err := compiled()
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// TestMain lets at least four tests run at a time, as they wait for programs and clocks more than
// they work, and removes what was built. The same binary is the program docker of pages.
func TestMain(m *testing.M) {
	if os.Getenv(engineOf) != "" {
		docker{}.main(os.Args[1:])
		return
	}
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue && runtime.NumCPU() < 4 {
		_ = f.Value.Set("4")
	}
	code := m.Run()
	if os.Getenv(inside) == "" {
		if dir, err := builds(); err == nil {
			_ = os.RemoveAll(dir)
		}
	}
	os.Exit(code)
}

// startWorld starts all servers and Bailiwick, and ends them with the test.
func startWorld(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { endAll(t, filepath.Join(dir, "pids")) })
	world := exec.Command("sh", filepath.Join(here, "world.sh"), dir)
	log, err := os.Create(filepath.Join(dir, "world.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	// not a pipe: the servers outlive the script and would hold it open
	world.Stdout, world.Stderr = log, log
	if err := world.Run(); err != nil {
		text, _ := os.ReadFile(log.Name())
		t.Fatalf("world.sh: %v\n%s", err, text)
	}
	bin := build(t, dir)
	conf := fmt.Sprintf("listen: {udp: [\"%s\"], tcp: [\"%s\"]}\nadmin: {listen: \"\"}\nlog: "+
		"{level: error}\nresolver: {ipv6: \"false\", root_hints_file: %s/hints}\ntrust_anchors: "+
		"{builtin: false, file: %s/anchor.key}\nserver: {any: full}\npolicy: {special_names: "+
		"false}\n",
		bailiwickAddr, bailiwickAddr, dir, dir)
	if err := os.WriteFile(filepath.Join(dir, "bailiwick.yaml"), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, "serve", "--config", filepath.Join(dir, "bailiwick.yaml"))
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Signal(syscall.SIGTERM); _ = cmd.Wait() })
	await(t, bailiwickAddr, "www.test.", dns.TypeA, found)
	return dir
}

// build puts the binary into a folder: a link, as a test may take it away.
func build(t *testing.T, dir string) string {
	t.Helper()
	from := os.Getenv(builtAs)
	if from == "" { // a test that was started by hand within a namespace
		from = built(t)
	}
	bin := filepath.Join(dir, "bailiwick")
	if err := os.Symlink(from, bin); err != nil {
		t.Fatal(err)
	}
	return bin
}

// endAll ends the processes that the script started, and waits until they have: they write into the
// folder that is to be removed.
func endAll(t *testing.T, pids string) {
	b, err := os.ReadFile(pids)
	if err != nil {
		return
	}
	var left []int
	for _, f := range strings.Fields(string(b)) {
		if pid, err := strconv.Atoi(f); err == nil {
			if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
				t.Logf("process %d had ended", pid)
			}
			left = append(left, pid)
		}
	}
	for range 100 {
		if left = slices.DeleteFunc(left, func(pid int) bool {
			return syscall.Kill(pid,
				0) != nil
		}); len(left) == 0 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Logf("processes %v do not end", left)
}

// ask puts a question with DO and RD to a server, and again over TCP if it is truncated.
func ask(server, name string, qtype uint16) (*dns.Msg, error) {
	m := new(dns.Msg).SetQuestion(name, qtype)
	m.SetEdns0(1232, true)
	return askWith(server, m)
}

// askWith puts a query to a server, and again over TCP if the answer is truncated.
func askWith(server string, m *dns.Msg) (*dns.Msg, error) {
	c := dns.Client{Timeout: 10 * time.Second}
	r, _, err := c.Exchange(m, server)
	if err == nil && r.Truncated {
		c.Net = "tcp"
		r, _, err = c.Exchange(m, server)
	}
	return r, err
}

// verdict is what is compared of an answer: the RCODE, the AD bit, and the data, without order,
// TTLs and signatures.
func verdict(m *dns.Msg) string {
	var data []string
	for _, rr := range m.Answer {
		if rr.Header().Rrtype == dns.TypeRRSIG {
			continue
		}
		c := dns.Copy(rr)
		c.Header().Ttl = 0
		data = append(data, strings.ToLower(c.String()))
	}
	slices.Sort(data)
	return fmt.Sprintf("%s AD=%v %s", dns.RcodeToString[m.Rcode], m.AuthenticatedData,
		strings.Join(slices.Compact(data), " | "))
}

var zones = []string{"test.", "rsa.test.", "bogus.test.", "expired.test.", "mismatch.test.",
	"nsec.test.", "nsec3.test.", "unsigned.test.", "ed.test.", "ed3.test."}

// questions are every name that the zones have, names that they do not have, of every type that
// matters.
func questions() (qs []dns.Question) {
	random := rand.New(rand.NewPCG(1, 2)) // the same questions every time
	labels := []string{"", "ns.", "mail.", "www.", "txt.", "alias.", "chain.", "away.", "nowhere.",
		"x.wild.", "y.z.wild.", "wild.", "x.wildalias.", "a.b.c.ent.", "b.c.ent.", "ent.",
		"tree.", "leaf.tree.", "none.tree.", "forest.", "srv.", "caa.", "upper.", "missing.",
		"x.www.", "*.wild."}
	types := []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeMX, dns.TypeTXT, dns.TypeNS, dns.TypeSOA,
		dns.TypeDS, dns.TypeDNSKEY, dns.TypeCNAME, dns.TypeSRV}
	for _, z := range zones {
		for _, l := range labels {
			for _, t := range types {
				qs = append(qs, dns.Question{Name: l + z, Qtype: t})
			}
		}
		for range 20 {
			qs = append(qs, dns.Question{Name: fmt.Sprintf("r%d.%s", random.IntN(1e9), z),
				Qtype: types[random.IntN(len(types))]})
		}
	}
	for range 100 {
		qs = append(qs, dns.Question{Name: fmt.Sprintf("r%d.", random.IntN(1e9)), Qtype: dns.TypeA})
	}
	random.Shuffle(len(qs), func(i, j int) { qs[i], qs[j] = qs[j], qs[i] })
	return qs
}

// differential puts the questions to all three resolvers. Where Unbound and BIND agree, Bailiwick
// has to agree with them; where they do not, with one of them.
func differential(t *testing.T) {
	qs := questions()
	var mu sync.Mutex
	var wg sync.WaitGroup
	all, one, odd := 0, 0, 0
	work := make(chan dns.Question)
	for range 8 {
		wg.Go(func() {
			for q := range work {
				var got [3]string
				why := ""
				for i, at := range []string{bailiwickAddr, unboundAddr, bindAddr} {
					m, err := ask(at, q.Name, q.Qtype)
					if err != nil {
						got[i] = err.Error()
						continue
					}
					got[i] = verdict(m)
					if o := m.IsEdns0(); i == 0 && o != nil {
						why = strings.TrimSpace(o.String())
					}
				}
				mu.Lock()
				switch {
				case got[0] == got[1] && got[0] == got[2]:
					all++
				case got[0] == got[1] || got[0] == got[2]:
					one++
				default:
					odd++
					t.Errorf("%s %s:\n  Bailiwick %s %s\n  Unbound   %s\n  BIND      %s", q.Name,
						dns.TypeToString[q.Qtype], got[0], why, got[1], got[2])
				}
				mu.Unlock()
			}
		})
	}
	for _, q := range qs {
		work <- q
	}
	close(work)
	wg.Wait()
	t.Logf("%d questions: %d times all three agree, %d times Bailiwick agrees with one of two "+
		"that differ, %d times with none", len(qs), all, one, odd)
}

// authorities are who serves a zone.
var authorities = map[string]string{"rsa.test.": "10.53.0.2", "nsec.test.": "10.53.0.3",
	"nsec3.test.": "10.53.0.3", "unsigned.test.": "10.53.0.3", "ed.test.": "10.53.0.4",
	"ed3.test.": "10.53.0.4"}

// run runs a client and returns what it prints.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	// a failure is an answer too, and stands in the output
	out, _ := exec.Command(name, args...).CombinedOutput()
	return string(out)
}

// dnsperf runs dnsperf, which goes on for ever over connections that nobody accepts.
func dnsperf(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, "dnsperf", args...).CombinedOutput()
	if ctx.Err() != nil {
		return fmt.Sprintf("%s: %v", out, err) // it prints no figures
	}
	return string(out)
}

// direct: kdig +dnssec hears the same data, signatures included, from the authority and through
// Bailiwick.
func direct(t *testing.T) {
	records := func(out string) string {
		var lines []string
		for _, l := range strings.Split(out, "\n") {
			f := strings.Fields(l)
			if len(f) > 4 && !strings.HasPrefix(l, ";") {
				lines = append(lines, strings.ToLower(f[0])+" "+strings.Join(f[2:], " "))
			}
		}
		slices.Sort(lines)
		return strings.Join(lines, "\n")
	}
	n := 0
	for z, at := range authorities {
		for _, q := range []string{"www." + z + " A", "www." + z + " AAAA", z + " MX", z +
			" DNSKEY", "txt." + z + " TXT", "x.wild." + z + " A", "srv." + z + " SRV", "alias." +
			z + " CNAME"} {
			args := append(strings.Fields(q), "+dnssec", "+noauth", "+noadd", "+nocomments",
				"+nostats", "+nocmd", "+noquestion", "+noopt")
			there := records(run(t, "kdig", append([]string{"@" + at}, args...)...))
			here := records(run(t, "kdig", append([]string{"@127.0.0.1", "-p", "5303"},
				args...)...))
			if there != here || there == "" {
				t.Errorf("%s: the authority says\n%s\nthrough Bailiwick\n%s", q, there, here)
			}
			n++
		}
	}
	t.Logf("%d questions, the same answers", n)
}

// unproven are the two things that delv prints for data that do not validate: the resolver has
// refused them, or it has given them and delv sees it by itself. Of Unbound it hears now one and
// now the other for the same name.
var unproven = []string{";; resolution failed: failure",
	";; resolution failed: broken trust chain"}

// delv validates by itself what a resolver gives it: the same through Bailiwick as through Unbound.
func delv(t *testing.T, dir string) {
	verdicts := map[string]int{}
	for _, z := range zones {
		for _, q := range []string{"www." + z + " A", "missing." + z + " A", "x.wild." + z + " A",
			"www." + z + " TXT"} {
			var got [2]string
			for i, port := range []string{"5303", "5301"} {
				out := run(t, "delv", append([]string{"@127.0.0.1", "-p", port, "-a",
					filepath.Join(dir, "delv.keys"), "+root=."}, strings.Fields(q)...)...)
				for _, l := range strings.Split(out, "\n") {
					if strings.HasPrefix(l, "; ") || strings.HasPrefix(l, ";; resolution failed") {
						if got[i] = strings.TrimSpace(l); slices.Contains(unproven, got[i]) {
							got[i] = unproven[0]
						}
						break
					}
				}
			}
			if got[0] != got[1] || got[0] == "" {
				t.Errorf("%s: through Bailiwick %q, through Unbound %q", q, got[0], got[1])
			}
			verdicts[got[0]]++
		}
	}
	t.Logf("%v", verdicts)
}

// drill chases signatures up to the trust anchor.
func drill(t *testing.T, dir string) {
	for _, z := range zones {
		var got [2]string
		for i, port := range []string{"5303", "5301"} {
			out := run(t, "drill", "-p", port, "-S", "-k", filepath.Join(dir, "anchor.key"),
				"@127.0.0.1", "www."+z, "A")
			for _, l := range strings.Split(out, "\n") {
				if strings.Contains(l, "Chase ") || strings.Contains(l, "chase ") ||
					strings.Contains(l, "No trusted keys found") || strings.Contains(l, "trusted") {
					got[i] = strings.TrimSpace(l)
				}
			}
		}
		if got[0] != got[1] || got[0] == "" {
			t.Errorf("%s: through Bailiwick %q, through Unbound %q", z, got[0], got[1])
		}
		t.Logf("%s: %s", z, got[0])
	}
}
