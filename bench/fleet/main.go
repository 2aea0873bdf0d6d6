// Fleet simulates a fleet of nodes with very many clients in virtual time, with and without the
// store that they share, and prints the tables of docs/fleet.md.
//
//	go run ./bench/fleet                                  # 100 nodes, 10 million clients
//	go run ./bench/fleet -nodes 5 -clients 100000 -names 100000 -only 'with'
//
// The whole takes some ten minutes of a processor and 2 GB of memory. The same flags give the same
// figures each time.
package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"time"

	"bailiwick/internal/fleet/fleetsim"
)

func main() {
	w := fleetsim.Default()
	flag.IntVar(&w.Nodes, "nodes", w.Nodes, "nodes, at most 1,000")
	flag.IntVar(&w.Clients, "clients", w.Clients, "clients of all nodes")
	flag.Float64Var(&w.Rate, "rate", w.Rate, "questions of a client, each second")
	flag.IntVar(&w.Names, "names", w.Names, "names that clients ask for")
	flag.Float64Var(&w.Zipf, "zipf", w.Zipf, "exponent of the names' popularity")
	flag.Float64Var(&w.Uneven, "uneven", w.Uneven,
		"how many more clients than the mean the largest node has, as a part")
	flag.Float64Var(&w.Lost, "lost", w.Lost, "part of resolutions that lose a packet")
	flag.BoolVar(&w.Prefetch, "prefetch", w.Prefetch, "cache.prefetch")
	flag.DurationVar(&w.Store.Reply, "reply", w.Store.Reply, "mean time of the store for a reply")
	flag.DurationVar(&w.Settle, "settle", w.Settle, "virtual time before counting begins")
	flag.DurationVar(&w.Span, "span", w.Span, "virtual time that is counted")
	flag.Uint64Var(&w.Seed, "seed", w.Seed, "of all that is random")
	only := flag.String("only", "", "only scenarios that match")
	quiet := flag.Bool("quiet", false, "do not tell how long each took on standard error")
	flag.Parse()
	match, err := regexp.Compile(*only)
	if err != nil || w.Nodes < 1 || w.Nodes > 1000 || w.Clients < 1 || w.Names < 1 ||
		w.Rate <= 0 || w.Span < time.Second || w.Settle < 0 || w.Settle+w.Span > time.Hour ||
		w.Store.Reply <= 0 {
		fmt.Fprintln(os.Stderr, "fleet: a flag is out of range")
		os.Exit(2)
	}
	var shown *fleetsim.Result
	fleetsim.Head(os.Stdout)
	for _, s := range fleetsim.Scenarios(w) {
		if !match.MatchString(s.Name) {
			continue
		}
		begun := time.Now()
		r := fleetsim.Run(s.World)
		r.Row(os.Stdout, s.Name)
		if s.Name == "with a store" {
			shown = r
		}
		if !*quiet {
			fmt.Fprintf(os.Stderr, "%s: %v\n", s.Name, time.Since(begun).Round(time.Second))
		}
	}
	if shown != nil {
		fmt.Println()
		shown.Distances(os.Stdout, w.Trips)
		fmt.Println()
		fleetsim.Moments(os.Stdout, w)
	}
}
