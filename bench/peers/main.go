// Peers runs Bailiwick and the resolvers of Debian side by side before the same signed internet,
// and prints a table and a chart.
//
//	go run ./bench/peers                # every resolver that is installed, as root
//	go run ./bench/peers -only unbound,bailiwick -rounds 3 -for 5s -chart peers.svg
//	go run ./bench/peers -networks all  # far servers and lost packets
//	go run ./bench/peers -policy        # what two million rules and other policy cost
//	go run ./bench/peers -replace       # what clients wait while the rules are replaced
//	go run ./bench/peers -replace -alone # the same for one server at 50,000 queries/s
//	go run ./bench/peers -replace -names # and while 100,000 local records are
//
// It needs root, iproute2, dnsperf, and of unbound, bind9, knot-resolver and pdns-recursor those to
// be compared. All of it runs in a network namespace of its own, where the authorities are
// Bailiwick's lab. Each resolver has a fresh process for each round and validates. CPU time per
// query is what to compare: the load, the authorities and the resolver share the machine. It ends
// by itself, within a few minutes.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// inside is set in the process that runs in the namespace.
const inside = "BAILIWICK_PEERS"

// options are the flags.
type options struct {
	only     string
	binary   string
	chart    string
	rounds   int
	threads  int
	span     time.Duration
	networks string
	policy   bool
	replace  bool
	names    bool
	alone    bool
}

func main() {
	var o options
	flag.StringVar(&o.only, "only", "",
		"resolvers to run, separated by commas; empty: all that are installed")
	flag.StringVar(&o.binary, "bailiwick", "", "binary of Bailiwick; empty: it is built")
	flag.StringVar(&o.chart, "chart", "peers.svg", "file of the chart")
	flag.IntVar(&o.rounds, "rounds", 1, "rounds; the table has the medians")
	flag.IntVar(&o.threads, "threads", runtime.NumCPU(), "threads of each resolver")
	flag.DurationVar(&o.span, "for", 3*time.Second, "length of a load")
	flag.StringVar(&o.networks, "networks", "",
		"measure new names over bad networks instead: their names, separated by commas, or all")
	flag.BoolVar(&o.policy, "policy", false,
		"measure what two million rules, views, local names and limits cost instead")
	flag.BoolVar(&o.replace, "replace", false,
		"measure what clients wait while two million rules are replaced instead")
	flag.BoolVar(&o.alone, "alone", false,
		"with -replace: 50,000 queries a second, and no server beside")
	flag.BoolVar(&o.names, "names", false, "with -replace: replace 100,000 local records")
	flag.Parse()
	if (o.names || o.alone) && !o.replace {
		fmt.Fprintln(os.Stderr, "peers: -names and -alone are for -replace")
		os.Exit(2)
	}
	run := compare
	if os.Getenv(inside) == "" {
		run = enter
	}
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

// enter runs this program again in a network namespace.
func enter(o options) error {
	if os.Getuid() != 0 {
		return fmt.Errorf("a network namespace needs root")
	}
	for _, p := range []string{"ip", "unshare", "dnsperf"} {
		if _, err := exec.LookPath(p); err != nil {
			return fmt.Errorf("%s is not installed", p)
		}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bailiwick-peers")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if o.binary == "" {
		o.binary = filepath.Join(dir, "bailiwick")
		if out, err := exec.Command("go", "build", "-o", o.binary,
			"bailiwick/cmd/bailiwick").CombinedOutput(); err != nil {
			return fmt.Errorf("go build: %w\n%s", err, out)
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	cmd := exec.CommandContext(ctx, "unshare", append([]string{"-n", "--", self, "-bailiwick",
		o.binary}, os.Args[1:]...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.Env = append(os.Environ(), inside+"="+dir)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}

// compare runs all rounds, prints the table and writes the chart.
func compare(o options) error {
	if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		return fmt.Errorf("ip: %w: %s", err, out)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	dir := os.Getenv(inside)
	if o.networks != "" {
		return compareNetworks(ctx, o, dir)
	}
	if o.policy {
		return comparePolicy(ctx, o, dir)
	}
	if o.replace {
		return replacePolicy(ctx, o, dir)
	}
	w, err := newWorld(ctx, dir)
	if err != nil {
		return err
	}
	var all []result
	for round := range o.rounds {
		for _, s := range installed(o) {
			fmt.Fprintf(os.Stderr, "round %d: %s\n", round+1, s.name)
			got, err := measure(ctx, o, w, s, filepath.Join(dir,
				fmt.Sprintf("%s-%d", s.name, round)))
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			all = append(all, got...)
		}
	}
	table := medians(all)
	printTable(os.Stdout, table)
	if err := os.WriteFile(o.chart, []byte(chart(table)), 0o644); err != nil {
		return err
	}
	fmt.Println("chart:", o.chart)
	return nil
}

// installed lists the resolvers to run.
func installed(o options) (list []subject) {
	for _, s := range subjects(o) {
		if o.only != "" && !slices.Contains(strings.Split(o.only, ","), s.name) {
			continue
		}
		if _, err := exec.LookPath(s.argv[0]); err == nil {
			list = append(list, s)
		}
	}
	return list
}
