package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"bailiwick/internal/config"
	"bailiwick/internal/lab"
	"bailiwick/internal/observe"
	"bailiwick/internal/service"
	"bailiwick/internal/snapshot"
	"bailiwick/internal/state"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/validator/p256"
	"bailiwick/wire"
)

func serveCommand() *cobra.Command {
	var file, log string
	var inLab, asService bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve DNS, in the foreground, until SIGTERM or SIGINT",
		Long: "Serve DNS at 127.0.0.1:5300 (UDP and TCP) and metrics at 127.0.0.1:5380, " +
			"unless the configuration says otherwise.\n" +
			"SIGTERM turns /readyz off, and ends the server after shutdown.wait; SIGINT, or a " +
			"second SIGTERM, ends it without the wait. What is in work is answered.\n" +
			"With --lab the internet is a small one of our " +
			"own, signed, with something broken in every way; no network is needed. It is served " +
			"over " +
			"DoT, DoH and DoQ too, with a certificate made for the occasion.",
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			hangups() // from the first moment on
			c, err := confineItself(file)
			if err != nil {
				return err
			}
			run := func(signals chan os.Signal, log io.Writer) error {
				return serve(cmd.Context(), file, inLab, c, signals, cmd.OutOrStdout(), log)
			}
			return logged(log, cmd.ErrOrStderr(), func(log io.Writer) error {
				if asService {
					return service.RunAsService(func(signals chan os.Signal) error {
						return run(signals, log)
					})
				}
				return run(make(chan os.Signal, 4), log)
			})
		},
	}
	cmd.Flags().StringVarP(&file, "config", "c", "", "configuration `FILE`")
	cmd.Flags().BoolVar(&inLab, "lab", false,
		"serve the embedded signed internet instead of the real one")
	cmd.Flags().StringVar(&log, "log", "", "log to `FILE` in place of standard error; it is "+
		"begun anew when it is full, and three earlier ones are kept")
	if runtime.GOOS == "windows" {
		cmd.Flags().BoolVar(&asService, "service", false,
			"be the service that the control manager has started")
	}
	_ = cmd.RegisterFlagCompletionFunc("config", completeConfig) // the flag is there
	return cmd
}

// exitPanics is the exit status after too many panics, the same as the Go runtime's after a panic.
const exitPanics = 2

// labPort is the port of the lab's servers on loopback.
const labPort = 5053

// useLab sets hints and trust anchors of a configuration to those of a world.
func useLab(cfg *config.Config, w *lab.World) error {
	cfg.Anchors.Builtin, cfg.Anchors.Records, cfg.Anchors.File = false, []string{w.Anchor()}, ""
	cfg.Resolver.DoNotQueryLocalhost, cfg.Resolver.IPv6 = false, resolver.FamilyOff
	cfg.RootHints, cfg.Zones, cfg.LocalRoot, cfg.Held = nil, nil, false, nil
	if e := &cfg.Resolver.ECS; !e.On() { // so that query --subnet has something to show
		e.Zones = []wire.Name{wire.MustParseName("networks.example.")}
	}
	return cfg.AddRootHints(w.Roots())
}

// labPortsAbove is what is added to the ports of encrypted transports in the lab: 8853 and 8443 are
// open to every user.
const labPortsAbove = 8000

// labListeners serves every transport on loopback where the configuration has none of it.
func labListeners(cfg *config.Config) {
	cfg.SelfSigned = len(cfg.Transport.Certificates) == 0 && !cfg.ACME.On()
	if cfg.Encrypted() {
		return
	}
	for _, p := range transport.Protocols(transport.Protocol.Encrypted) {
		at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), labPortsAbove+p.Port())
		cfg.Listen[p] = []config.Listener{{Addr: at}}
	}
}

// serve runs until ctx ends, or signals says so, which a service manager may write to. Its output
// never blocks it: both streams have a journal, and SIGPIPE, which is sent when the reader has
// gone, is ignored.
func serve(ctx context.Context, file string, inLab bool, c confinement,
	signals chan os.Signal, stdout, stderr io.Writer) error {
	signal.Ignore(syscall.SIGPIPE)
	gc := newCollector()
	if p256.Fast {
		go p256.SelfTest() // the resolver needs its result, a millisecond later
	}
	sockets, predecessor, err := service.Inherit()
	if err != nil {
		return err
	}
	program, err := service.Self()
	if err != nil {
		return err
	}
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(signals)
	out := observe.NewJournal(stdout)
	journal := observe.NewLogJournal(stderr, os.Getenv("JOURNAL_STREAM"))
	defer out.Close()
	defer journal.Close()
	network := &transport.NetExchanger{}
	defer network.Close()
	var ex transport.Exchanger = network
	var inMemory error // why the lab's servers have no sockets
	read := func() (*config.Config, config.Findings, error) {
		cfg, found := readConfig(file)
		return cfg, found, nil
	}
	if inLab {
		w := lab.Internet(time.Now())
		read = func() (*config.Config, config.Findings, error) {
			cfg, found := readConfig(file)
			err := useLab(cfg, w)
			labListeners(cfg)
			cfg.Resolver.Port = labPort
			return cfg, found, err
		}
		// Not every system has all of 127.0.0.0/8: then the world works in memory.
		if inMemory = w.Listen(ctx, labPort); inMemory != nil {
			ex = w
		}
	}
	cfg, found, err := read()
	if err != nil {
		return err
	}
	log := observe.NewLog(cfg.Log, journal)
	if len(found.Errors()) == 0 {
		cfg = loadKept(state.Reader(cfg.State.Path(), log), log).apply(cfg)
	}
	p, more := snapshot.Load(cfg)
	found = append(found, more...)
	if err := logFindings(log, journal, cfg, found); err != nil {
		if hint := c.report.Outside(found.Err()); hint != nil {
			log.Error("a file cannot be read", "hint", hint.Error())
		}
		return err
	}
	if len(cfg.XDP) == 0 { // else its start makes calls that are filtered
		c.filter(cfg.Confine)
	}
	s := newStack(p, ex, journal)
	s.confined = c.report
	slog.SetDefault(s.log) // libraries log in the same form, through the journal
	s.metrics.WatchJournals(out, journal)
	s.sockets, s.predecessor, s.program = sockets, predecessor, program
	r, err := s.listen()
	if err != nil {
		return finalError(log, cfg, errors.Join(err, c.report.Outside(err)))
	}
	if err := c.postponed(); err != nil {
		return finalError(log, cfg, err)
	}
	r.shed(&c)
	r.read, r.gc = read, gc
	defer r.logStopped(time.Now())
	r.start()
	r.logStarted()
	r.logConfined()
	r.logXDP()
	service.Notify(service.Ready, service.Status("serving"))
	predecessor.Ready()
	switch {
	case cfg.Log.JSON(): // programs read it: nothing else is printed
	case inLab:
		if inMemory != nil {
			fmt.Fprintf(out, "The lab's servers stay in memory: %v\n", inMemory)
		}
		printLab(out, r)
	default:
		for _, l := range r.now().listeners {
			fmt.Fprintf(out, "Serving %s at %v.\n", l.protocol.Help(), l.Addr())
		}
	}
	r.run(ctx, signals)
	return nil
}

// self returns the command that calls this program again: as it was called, or go run.
func self() string {
	if exe, err := os.Executable(); err == nil && strings.Contains(exe, "go-build") {
		return "go run ./cmd/bailiwick"
	}
	return os.Args[0]
}

// labTries are names to ask the lab for.
var labTries = []struct{ what, name string }{
	{"secure: the answer has the AD flag", "www.secure.example"},
	{"unsigned: an answer without AD", "www.unsigned.example"},
	{"bogus: SERVFAIL, and EDE says that the signature has expired", "www.expired.faulty"},
}

// printLab prints commands to try.
func printLab(out io.Writer, r *running) {
	fmt.Fprint(out, "Serving a signed internet of our own")
	if at := r.console.Addr(); at != "" {
		fmt.Fprintf(out, ", metrics at %s://%s/metrics", r.console.Scheme(), at)
	}
	fmt.Fprint(out, ".\n\nTry:\n")
	for _, l := range r.now().listeners {
		if l.protocol.Stream() {
			continue
		}
		for _, t := range labTries {
			fmt.Fprintf(out, "  dig @%s -p %d %s +dnssec     # %s\n", l.Addr().Addr(),
				l.Addr().Port(), t.name, t.what)
			fmt.Fprintf(out, "  %s query --lab --trace %s\n", self(), t.name)
		}
		break
	}
	fmt.Fprint(out, "\nOver each transport:\n")
	for _, l := range r.now().listeners {
		if option, ok := l.protocol.Kdig(); ok {
			if option != "" {
				option += " "
			}
			fmt.Fprintf(out, "  kdig @%s -p %d %swww.secure.example +dnssec     # %s\n",
				l.Addr().Addr(), l.Addr().Port(), option, l.protocol.Help())
		} else {
			fmt.Fprintf(out, "  %s at %s, which kdig does not speak\n", l.protocol.Help(), l.Addr())
		}
	}
	fmt.Fprint(out, "\nEnd with Ctrl-C.\n")
}
