// Game days: what breaks is seen, explained and mended, and how soon.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"bailiwick/internal/console"
	"bailiwick/internal/gameday"
	"bailiwick/internal/lab"
)

// gamedayFlags are where a game day takes place.
type gamedayFlags struct {
	server, admin, socket, labSocket string
	prometheus, prometheusAddr       string
	only                             []string
	patience                         time.Duration
	json                             bool
}

func gamedayCommand() *cobra.Command {
	f := &gamedayFlags{}
	cmd := &cobra.Command{
		Use:   "gameday",
		Short: "Break zones of the lab before a resolver, and time who notices",
		Long: "Play expired signatures, a DS mismatch, a partial key roll-out, a stuck " +
			"registrar, split horizon and a wrong clock, and report for each the seconds " +
			"until the metric moves, an incident is open, explain names the link, the alert " +
			"fires; and after the repair until the name resolves, the incident is over and " +
			"the alert ends. Of a fault that no client notices yet, it is reported when the " +
			"watch of the zone has found it and its alert fires.\n" +
			"A lab, a resolver and Prometheus are started on loopback, with the rules of " +
			"deploy/prometheus, which wait for a second and not for minutes. With --server a " +
			"resolver that runs is used: it has the root hints and the trust anchor of a " +
			"running bailiwick lab. Without Prometheus no alerts are looked at.\n\n" +
			"Exit status: 0 all was seen, explained and mended; 1 something was not.",
		Example: "  bailiwick gameday\n  bailiwick gameday --only stuck-registrar --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			return f.run(ctx, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.server, "server", "", "`ADDRESS` with port of a resolver that runs")
	flags.StringVar(&f.admin, "admin", "127.0.0.1:5331", "`ADDRESS` of its metrics")
	flags.StringVarP(&f.socket, "socket", "s", "", "`PATH` of its control socket")
	flags.StringVar(&f.labSocket, "lab-socket", labSocket(),
		"`PATH` of the socket of the running lab, with --server")
	flags.StringVar(&f.prometheus, "prometheus", "prometheus", "`PROGRAM` of Prometheus")
	flags.StringVar(&f.prometheusAddr, "prometheus-address", "",
		"`ADDRESS` of a Prometheus that runs and reads the metrics; else one is started")
	flags.StringSliceVar(&f.only, "only", nil, "play these `SCENARIOS` only")
	flags.DurationVar(&f.patience, "patience", 30*time.Second,
		"how long may pass until all is seen, and until all is mended")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	return cmd
}

// run plays the scenarios and prints what came of them.
func (f *gamedayFlags) run(ctx context.Context, out, log io.Writer) error {
	scenarios, err := f.scenarios()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bailiwick-gameday-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s := &stage{dir: dir, log: log}
	defer s.end()
	day := &gameday.Day{Server: f.server, Admin: f.admin, Socket: f.socket,
		Prometheus: f.prometheusAddr, Patience: f.patience}
	if f.server == "" {
		err = s.serve(ctx, day)
	} else {
		err = f.join(day)
	}
	if err != nil {
		return err
	}
	if day.Prometheus == "" {
		if err := s.watch(f.prometheus, day); err != nil {
			return err
		}
	}
	if err := s.ready(ctx, day, scenarios[0].Ask); err != nil {
		return err
	}
	var results []gameday.Result
	for _, scenario := range scenarios {
		r, err := day.Play(ctx, scenario)
		if err != nil {
			return err
		}
		results = append(results, r)
	}
	return f.print(out, results)
}

// scenarios returns those that are played.
func (f *gamedayFlags) scenarios() (chosen []gameday.Scenario, err error) {
	if len(f.only) == 0 {
		return gameday.Scenarios(), nil
	}
	var names []string
	for _, name := range f.only {
		before := len(chosen)
		names = nil
		for _, s := range gameday.Scenarios() {
			names = append(names, s.Name)
			if s.Name == name {
				chosen = append(chosen, s)
			}
		}
		if len(chosen) == before {
			return nil, wrongUse("gameday: there is no scenario %q; there are %s", name,
				strings.Join(names, ", "))
		}
	}
	return chosen, nil
}

// join has the scenarios played before a resolver and a lab that run.
func (f *gamedayFlags) join(day *gameday.Day) error {
	if f.socket == "" {
		socket, err := findSocket()
		if err != nil {
			return err
		}
		day.Socket = socket
	}
	day.Break = func(at string, faults ...lab.Fault) error {
		q := console.Request{Command: "repair", Args: map[string]string{"name": at}}
		if len(faults) > 0 {
			q = console.Request{Command: "fault", Args: map[string]string{"name": at,
				"fault": string(faults[0])}}
		}
		_, err := console.Call(f.labSocket, q, io.Discard)
		return err
	}
	return nil
}

// print prints results, and returns an error if something is missing.
func (f *gamedayFlags) print(out io.Writer, results []gameday.Result) error {
	missing := 0
	for _, r := range results {
		missing += len(r.Missing)
	}
	if f.json {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		if err := e.Encode(results); err != nil {
			return err
		}
	} else {
		t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "SCENARIO\tCAUSE\tFORESEEN\tMETRIC\tINCIDENT\tEXPLAIN\tALERT\tGOOD\t"+
			"MENDED\tRESOLVED\tRECOVERY\tMISSING")
		for _, r := range results {
			fmt.Fprintf(t, "%s\t%s", r.Scenario, r.Cause)
			for _, at := range []gameday.Seconds{r.Foreseen, r.Metric, r.Incident, r.Explain,
				r.Alert, r.Good, r.Mended, r.Resolved} {
				if at == nil {
					fmt.Fprint(t, "\t-")
				} else {
					fmt.Fprintf(t, "\t%.1fs", *at)
				}
			}
			fmt.Fprintf(t, "\t%s\t%s\n", r.Recovery, strings.Join(r.Missing, ","))
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	if missing > 0 {
		return fmt.Errorf("gameday: %d things were not seen in time", missing)
	}
	return nil
}

// stage is what a game day has started.
type stage struct {
	dir   string
	log   io.Writer
	procs []*exec.Cmd
}

// The addresses of what is started.
const (
	gamedayServer     = "127.0.0.1:5303"
	gamedayPrometheus = "127.0.0.1:5330"
)

// serve starts the lab and a resolver.
func (s *stage) serve(ctx context.Context, day *gameday.Day) error {
	w := lab.Internet(time.Now())
	if err := w.Listen(ctx, 53); err != nil {
		return fmt.Errorf("%w (its servers have port 53: this takes root, or a network namespace)",
			err)
	}
	day.Break, day.Server, day.Socket = w.Break, gamedayServer, filepath.Join(s.dir, "ctl")
	name, addrs := w.Roots()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	config := filepath.Join(s.dir, "bailiwick.yaml")
	text := gameday.ServerConfig(day.Server, day.Admin, day.Socket, name, addrs[0].String(),
		w.Anchor())
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return err
	}
	return s.start(self, "serve", "--config", config)
}

// watch starts Prometheus. That there is none is told, and is no error.
func (s *stage) watch(program string, day *gameday.Day) error {
	path, err := exec.LookPath(program)
	if err != nil {
		fmt.Fprintf(s.log, "bailiwick gameday: without alerts: Prometheus is missing: %v\n", err)
		return nil
	}
	for file, text := range map[string]string{"rules.yml": gameday.Rules(),
		"prometheus.yml": gameday.PrometheusConfig(day.Admin)} {
		if err := os.WriteFile(filepath.Join(s.dir, file), []byte(text), 0o600); err != nil {
			return err
		}
	}
	day.Prometheus = gamedayPrometheus
	return s.start(path, "--config.file="+filepath.Join(s.dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(s.dir, "data"),
		"--web.listen-address="+gamedayPrometheus, "--log.level=error")
}

func (s *stage) start(program string, args ...string) error {
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = s.log, s.log
	if err := cmd.Start(); err != nil {
		return err
	}
	s.procs = append(s.procs, cmd)
	return nil
}

// ready waits until the resolver answers.
func (s *stage) ready(ctx context.Context, day *gameday.Day, name string) error {
	for end := time.Now().Add(day.Patience); !day.Answers(name); {
		if time.Now().After(end) {
			return errors.New("gameday: the resolver does not answer for " + name)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return nil
}

// end ends what was started.
func (s *stage) end() {
	for _, cmd := range s.procs {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
		_ = cmd.Wait()
	}
}
