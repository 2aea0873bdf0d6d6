// One resolver under one load: dnsperf's figures, and the CPU time of the resolver meanwhile.

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/miekg/dns"
)

// result is one measurement. CPU is in microseconds per answered query, latency in milliseconds.
type result struct {
	subject, load     string
	qps, cpu, latency float64
	lost              int
}

// loads in their order: the caches are empty for the misses.
var loads = []struct{ name, file string }{{"miss", "miss"}, {"hit", "hit"}, {"hit over TCP", "hit"},
	{"denied", "denied"}}

// measure starts a resolver, puts every load on it, and ends it.
func measure(ctx context.Context, o options, w *world, s subject, dir string) (got []result,
	err error) {
	pids, stop, err := start(ctx, w, s, dir)
	if err != nil {
		return nil, err
	}
	defer stop()
	if err := ready(ctx); err != nil {
		return nil, err
	}
	for _, l := range loads {
		args := []string{"-s", "127.0.0.1", "-p", "5300", "-d", w.questions[l.file], "-D", "-q",
			"200", "-c", "10"}
		once := append(slices.Clone(args), "-n", "1")
		switch l.name {
		case "miss":
			args = once
		case "hit over TCP":
			args = append(args, "-m", "tcp")
		default:
			for range 2 { // what is asked for twice is kept
				if out, err := exec.CommandContext(ctx, "dnsperf",
					once...).CombinedOutput(); err != nil {
					return nil, fmt.Errorf("dnsperf: %w\n%s", err, out)
				}
			}
		}
		if l.name != "miss" {
			args = append(args, "-l", strconv.Itoa(max(1, int(o.span/time.Second))))
		}
		before := cpuTime(pids)
		out, err := exec.CommandContext(ctx, "dnsperf", args...).CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("dnsperf: %w\n%s", err, out)
		}
		used := cpuTime(pids) - before
		answered := figure(string(out), `Queries completed:\s+([0-9]+)`)
		got = append(got, result{s.name, l.name, figure(string(out),
			`Queries per second:\s+([0-9.]+)`), float64(used.Microseconds()) / max(answered, 1),
			figure(string(out), `Average Latency \(s\):\s+([0-9.]+)`) * 1000,
			int(figure(string(out), `Queries lost:\s+([0-9]+)`))})
	}
	return got, nil
}

// start runs the resolver's processes; stop ends them.
func start(ctx context.Context, w *world, s subject, dir string) (pids []int, stop func(),
	err error) {
	if err := os.MkdirAll(dir+"-cache", 0o755); err != nil {
		return nil, nil, err
	}
	var running []*exec.Cmd
	stop = func() {
		for _, c := range running {
			_ = c.Process.Signal(syscall.SIGTERM)
			late := time.AfterFunc(5*time.Second, func() { _ = c.Process.Kill() })
			_ = c.Wait() // how it ends does not matter
			late.Stop()
		}
	}
	for i := range s.copies {
		own := fmt.Sprintf("%s-%d", dir, i)
		if err := os.MkdirAll(own, 0o755); err != nil {
			stop()
			return nil, nil, err
		}
		for name, text := range s.config(w, own) {
			if err := os.WriteFile(filepath.Join(own, name),
				[]byte(strings.ReplaceAll(text, own+"-cache", dir+"-cache")), 0o644); err != nil {
				stop()
				return nil, nil, err
			}
		}
		var argv []string
		for _, a := range s.argv {
			argv = append(argv, strings.ReplaceAll(a, "{{dir}}", own))
		}
		c := exec.CommandContext(ctx, argv[0], argv[1:]...)
		if err := c.Start(); err != nil {
			stop()
			return nil, nil, err
		}
		running, pids = append(running, c), append(pids, c.Process.Pid)
	}
	return pids, stop, nil
}

// ready waits until the resolver validates.
func ready(ctx context.Context) error {
	q := new(dns.Msg).SetQuestion("www.nsec.example.", dns.TypeA)
	q.SetEdns0(1232, true)
	c := dns.Client{Timeout: time.Second}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline) &&
		ctx.Err() == nil; time.Sleep(100 * time.Millisecond) {
		if m, _, err := c.ExchangeContext(ctx, q, address); err == nil && m.AuthenticatedData &&
			len(m.Answer) > 0 {
			return nil
		}
	}
	return errors.New("it does not answer a signed name with AD")
}

// cpuTime is what processes have used so far, user and system.
func cpuTime(pids []int) (sum time.Duration) {
	const tick = time.Second / 100 // proc(5): in clock ticks, which are hundredths on Linux
	for _, pid := range pids {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue
		}
		f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
		for _, x := range f[11:13] {
			n, _ := strconv.Atoi(x)
			sum += time.Duration(n) * tick
		}
	}
	return sum
}

// figure finds a number in dnsperf's report; 0 if it is not there.
func figure(report, pattern string) float64 {
	m := regexp.MustCompile(pattern).FindStringSubmatch(report)
	if m == nil {
		return 0
	}
	n, _ := strconv.ParseFloat(m[1], 64)
	return n
}

// medians joins the rounds.
func medians(all []result) (table []result) {
	for i, r := range all {
		var same []result
		for j, x := range all {
			if x.subject == r.subject && x.load == r.load {
				if j < i {
					same = nil
					break
				}
				same = append(same, x)
			}
		}
		if len(same) == 0 {
			continue
		}
		mid := func(f func(result) float64) float64 {
			var v []float64
			for _, x := range same {
				v = append(v, f(x))
			}
			slices.Sort(v)
			return v[len(v)/2]
		}
		table = append(table, result{r.subject, r.load,
			mid(func(x result) float64 { return x.qps }),
			mid(func(x result) float64 { return x.cpu }),
			mid(func(x result) float64 { return x.latency }),
			int(mid(func(x result) float64 { return float64(x.lost) }))})
	}
	return table
}
