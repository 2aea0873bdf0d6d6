// Policy: what two million rules of a policy zone, views, local names and rate limits cost, in
// memory, at the start, and for each query that they are not about.

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/miekg/dns"
)

// Sizes of the policy.
const (
	blockedNames = 1_000_000 // with two rules each: for the name, and for all below it
	viewNetworks = 1000
	localNames   = 100_000
)

// policyClient is where queries come from: this machine's main addresses are exempt from limits.
const policyClient = "127.0.0.9"

// blockedName is a name with rules.
func blockedName(i int) string { return fmt.Sprintf("n%d.example%d.com", i, i%1000) }

// writeRules writes the policy zone; the names of another version begin with another word.
func writeRules(path, word string, serial int) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := &strings.Builder{}
	fmt.Fprintf(w, "$TTL 60\n@ SOA ns. host. %d 3600 600 86400 60\n@ NS ns.\n", serial)
	for i := range blockedNames {
		name := word + blockedName(i)
		fmt.Fprintf(w, "%s CNAME .\n*.%s CNAME .\n", name, name)
		if w.Len() > 1<<20 || i == blockedNames-1 {
			if _, err := io.WriteString(f, w.String()); err != nil {
				return err
			}
			w.Reset()
		}
	}
	return nil
}

// policyParts are the parts of Bailiwick's policy, each as lines of its configuration.
func policyParts(dir string) map[string]string {
	policy := func(lines string) string { return "policy:\n" + lines }
	views := "views:\n"
	for v := range 10 {
		views += fmt.Sprintf("  - {name: v%d, local_records: [\"v%d.test A 192.0.2.1\"], "+
			"clients: [", v, v)
		for n := range viewNetworks/10 - 1 {
			views += fmt.Sprintf("10.%d.%d.0/24, ", v, n)
		}
		views += fmt.Sprintf("127.0.0.%d/32]}\n", v) // policyClient is in the last one
	}
	var local strings.Builder
	local.WriteString("  local_records:\n")
	for i := range localNames {
		fmt.Fprintf(&local, "    - h%d.corp%d.test A 192.0.2.1\n", i, i%100)
	}
	rpz := "  rpz: [{name: feed.test, file: " + filepath.Join(dir, "rules") + "}]\n"
	limits := "limits: {queries_per_address: 1000000, queries_per_prefix: 1000000, " +
		"responses: 1000000, denials: 1000000, errors: 1000000}\n"
	return map[string]string{"rules": policy(rpz), "views": views, "local names": policy(
		local.String()), "limits": limits, "all": policy(rpz+local.String()) + views + limits,
		"nothing": ""}
}

// running is a resolver with or without policy.
type running struct {
	name  string
	pids  []int
	port  int
	took  time.Duration // until it answered as its policy says
	bytes int           // of memory
	cpu   map[string][]float64
}

// policySubjects are the resolvers with and without policy: what is put before their
// configuration's text, and behind it.
func policySubjects(o options, dir string) (list []subject, names []string) {
	with := func(s subject, what, file string, text func(string) string) {
		of := s.config
		s.config = func(w *world, own string) map[string]string {
			files := of(w, own)
			files[file] = text(files[file])
			return files
		}
		list, names = append(list, s), append(names, s.name+", "+what)
	}
	for _, s := range installed(o) {
		rules := filepath.Join(dir, "rules")
		switch s.name {
		case "bailiwick":
			for _, part := range []string{"nothing", "all", "rules", "views", "local names",
				"limits"} {
				with(s, part, "config", func(c string) string {
					return c + "zones: {memory: 1GiB}\n" + policyParts(dir)[part]
				})
			}
		case "unbound":
			with(s, "nothing", "config", func(c string) string { return c })
			with(s, "rules", "config", func(c string) string {
				c = strings.Replace(c, "\"validator iterator\"", "\"respip validator iterator\"", 1)
				return c + "rpz:\n  name: feed.test\n  zonefile: " + rules + "\n"
			})
		case "powerdns":
			with(s, "nothing", "anchors.lua", func(c string) string { return c })
			with(s, "rules", "anchors.lua", func(c string) string {
				return c + fmt.Sprintf("rpzFile(%q, {policyName='feed.test'})\n", rules)
			})
		}
	}
	return list, names
}

// comparePolicy measures what policy costs. All processes live through all rounds, and take turns
// within each.
func comparePolicy(ctx context.Context, o options, dir string) error {
	w, err := newWorld(ctx, dir)
	if err != nil {
		return err
	}
	if err := writeRules(filepath.Join(dir, "rules"), "", 1); err != nil {
		return err
	}
	blocked := filepath.Join(dir, "blocked")
	if err := writeBlocked(blocked); err != nil {
		return err
	}
	w.questions["blocked"] = blocked
	var all []*running
	list, names := policySubjects(o, dir)
	for i, s := range list {
		fmt.Fprintln(os.Stderr, "starting", names[i])
		port := 5301 + i
		of := s.config
		s.config = func(w *world, own string) map[string]string { return atPort(of(w, own), port) }
		own := filepath.Join(dir, strconv.Itoa(port))
		r, stop, err := startPolicy(ctx, w, s, names[i], own, port)
		if err != nil {
			return fmt.Errorf("%s: %w", names[i], err)
		}
		defer stop()
		all = append(all, r)
	}
	for round := range o.rounds {
		fmt.Fprintln(os.Stderr, "round", round+1)
		for i := range all {
			r := all[(i+round)%len(all)]
			for _, load := range []string{"hit", "blocked"} {
				if load == "blocked" && !strings.HasSuffix(r.name, "rules") &&
					!strings.HasSuffix(r.name, "all") {
					continue
				}
				cpu, err := policyLoad(ctx, o, w.questions[load], r)
				if err != nil {
					return err
				}
				r.cpu[load] = append(r.cpu[load], cpu)
			}
		}
	}
	printPolicy(os.Stdout, all)
	return nil
}

// writeBlocked writes questions for names that rules are about.
func writeBlocked(path string) error {
	var b strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&b, "www.%s A\n", blockedName(i*7919%blockedNames))
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

// atPort puts another port into configurations.
func atPort(files map[string]string, port int) map[string]string {
	for name, text := range files {
		for _, before := range []string{"127.0.0.1:", "127.0.0.1@", "local-port="} {
			text = strings.ReplaceAll(text, before+"5300", before+strconv.Itoa(port))
		}
		files[name] = text
	}
	return files
}

// startPolicy starts a resolver, and waits until it answers as its policy says.
func startPolicy(ctx context.Context, w *world, s subject, name, dir string, port int) (*running,
	func(), error) {
	r := &running{name: name, port: port, cpu: map[string][]float64{}}
	begun := time.Now()
	pids, stop, err := start(ctx, w, s, dir)
	if err != nil {
		return nil, nil, err
	}
	r.pids = pids
	question, want := "n1.names.example.", dns.RcodeSuccess
	if strings.HasSuffix(name, "rules") || strings.HasSuffix(name, "all") {
		question, want = blockedName(blockedNames-1)+".", dns.RcodeNameError
	}
	c := dns.Client{Timeout: time.Second}
	for end := begun.Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		m, _, err := c.ExchangeContext(ctx, new(dns.Msg).SetQuestion(question, dns.TypeA),
			fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil && m.Rcode == want {
			break
		}
		if ctx.Err() != nil || time.Now().After(end) {
			stop()
			return nil, nil, fmt.Errorf("it does not answer as it should: %v", err)
		}
	}
	r.took = time.Since(begun)
	if _, err := policyLoad(ctx, options{span: time.Second}, w.questions["hit"], r); err != nil {
		stop()
		return nil, nil, err
	}
	r.bytes = residentBytes(pids)
	return r, stop, nil
}

// residentBytes is the proportional set size of processes.
func residentBytes(pids []int) (sum int) {
	for _, pid := range pids {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid)) // 0 if it has ended
		sum += int(figure(string(b), `Pss:\s+([0-9]+)`)) << 10
	}
	return sum
}

// policyLoad asks questions as fast as they are answered, and returns the CPU time of each in
// microseconds.
func policyLoad(ctx context.Context, o options, file string, r *running) (cpu float64, err error) {
	before := cpuTime(r.pids)
	out, err := exec.CommandContext(ctx, "dnsperf", "-s", "127.0.0.1", "-a", policyClient, "-p",
		strconv.Itoa(r.port), "-d", file, "-D", "-q", "200", "-c", "10", "-l",
		strconv.Itoa(max(1, int(o.span/time.Second)))).CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("dnsperf: %w\n%s", err, out)
	}
	used := cpuTime(r.pids) - before
	return float64(used.Microseconds()) / max(figure(string(out),
		`Queries completed:\s+([0-9]+)`), 1), nil
}

// printPolicy prints the medians. The ratio is that of the rounds to the same resolver without
// policy.
func printPolicy(w io.Writer, all []*running) {
	t := tabwriter.NewWriter(w, 2, 0, 2, ' ', 0)
	fmt.Fprintln(t, "resolver, policy\tstart s\tMB\tmore MB\tB/rule\thit µs\tratio\tleast\tmost\t"+
		"blocked µs")
	var base *running
	for _, r := range all {
		if strings.HasSuffix(r.name, ", nothing") {
			base = r
		}
		var ratios []float64
		for i, cpu := range r.cpu["hit"] {
			ratios = append(ratios, cpu/base.cpu["hit"][i])
		}
		more, perRule := float64(r.bytes-base.bytes), ""
		if strings.HasSuffix(r.name, "rules") {
			perRule = fmt.Sprintf("%.0f", more/2/blockedNames)
		}
		fmt.Fprintf(t, "%s\t%.1f\t%d\t%.1f\t%s\t%.2f\t%.3f\t%.3f\t%.3f\t%.2f\n", r.name,
			r.took.Seconds(), r.bytes>>20, more/(1<<20), perRule, median(r.cpu["hit"]),
			median(ratios), slices.Min(ratios), slices.Max(ratios), median(r.cpu["blocked"]))
	}
	t.Flush()
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}
