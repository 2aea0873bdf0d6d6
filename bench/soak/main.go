// Soak puts hours of mixed load on one server and reports whether it stays as it was: every query
// with a living path is answered right, and memory, goroutines and descriptors do not grow.
//
//	go build -o /path/bailiwick ./cmd/bailiwick
//	go run ./bench/soak -bailiwick /path/bailiwick -minutes 60
//
// The server is a process with a small cache in front of the lab's servers on loopback. These lose
// packets, die and return; the configuration changes all the time; clients ask over every
// transport. A server that is built with -race is watched for data races too.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// options are those of a run.
type options struct {
	binary string
	span   time.Duration
	rate   float64 // queries per second, of all clients together
	loss   float64 // share of UDP replies to the server that are lost
	seed   uint64
	keep   string // folder for the server's files; empty: a temporary one
}

func main() {
	var o options
	var minutes float64
	flag.StringVar(&o.binary, "bailiwick", "bailiwick", "the server's binary")
	flag.Float64Var(&minutes, "minutes", 60, "how long the load lasts")
	flag.Float64Var(&o.rate, "rate", 200, "queries per second")
	flag.Float64Var(&o.loss, "loss", 0.1, "share of the authorities' UDP replies that are lost")
	flag.Uint64Var(&o.seed, "seed", 1, "start of the random numbers")
	flag.StringVar(&o.keep, "dir", "", "folder for the server's files, which is kept")
	flag.Parse()
	o.span = time.Duration(minutes * float64(time.Minute))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	good, err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
	}
	if err != nil || !good {
		os.Exit(1)
	}
}

// run plays one run and prints its report; good is false if the server was at fault.
func run(ctx context.Context, o options) (good bool, err error) {
	dir := o.keep
	if dir == "" {
		if dir, err = os.MkdirTemp("", "soak"); err != nil {
			return false, err
		}
		defer os.RemoveAll(dir)
	}
	w, err := newWorld(ctx, o)
	if err != nil {
		return false, err
	}
	p, err := startProcess(dir, o.binary, w)
	if err != nil {
		return false, err
	}
	defer p.kill()
	before, err := p.measure(0)
	if err != nil {
		return false, err
	}
	l := newLoad(w, p, o)
	began := time.Now()
	w.begin(began)
	loaded, stop := context.WithTimeout(ctx, o.span)
	defer stop()
	changes := make(chan error, 1)
	go func() { changes <- p.changeAllTheTime(loaded) }()
	samples := make(chan []sample, 1)
	go func() { samples <- p.watch(loaded, began, max(time.Second, o.span/240)) }()
	l.run(loaded)
	rep := report{span: time.Since(began), race: withRace(o.binary), load: l, before: before,
		samples: <-samples, changes: <-changes}
	rep.after = p.rest(ctx, before)
	rep.used, rep.refused = p.used, p.refused
	rep.ended = p.end()
	rep.log = p.findings()
	return rep.print(os.Stdout), nil
}
