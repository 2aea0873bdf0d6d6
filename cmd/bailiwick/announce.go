// The command that has a routing daemon announce a server's addresses while it is well.

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"

	"bailiwick/internal/announce"
	"bailiwick/internal/fleet"
	"bailiwick/internal/observe"
	"bailiwick/internal/pattern"
	"bailiwick/internal/snapshot"
	"bailiwick/wire"
)

// announceFlags are the flags that both daemons have.
type announceFlags struct {
	servers, names           []string
	unvalidated, withdraw    bool
	every, timeout           time.Duration
	rules                    announce.Rules
	metrics                  string
	config, group, node      string
	most                     int
	probe                    announce.Probe
	routes, communities      []string
	nextHop                  string
	med                      int
	socket                   string
	protocols, lowerProtocol []string
}

func announceCommand() *cobra.Command {
	f := &announceFlags{rules: announce.DefaultRules()}
	cmd := &cobra.Command{
		Use:   "announce",
		Short: "Announce a server's routes while it is well (anycast)",
		Long: "Ask a server as its clients do, and have ExaBGP or BIRD announce the routes to " +
			"it while it is ready and answers with validated data. It runs beside the server, " +
			"as another user, and needs no rights. docs/anycast.md describes it.",
		Args: cobra.NoArgs,
	}
	p := cmd.PersistentFlags()
	p.StringArrayVar(&f.servers, "server", []string{"127.0.0.1:53"},
		"`ADDRESS:PORT` of the server; several are all asked, and the worst one counts")
	p.StringArrayVar(&f.names, "name", []string{"./NS", "com/SOA", "net/SOA", "org/SOA"},
		"`NAME/TYPE` to ask for; one of several has to be answered")
	p.BoolVar(&f.unvalidated, "unvalidated", false, "take answers that are not validated")
	p.DurationVar(&f.every, "every", time.Second, "time from one check to the next")
	p.DurationVar(&f.timeout, "timeout", time.Second, "time that a check may take")
	p.IntVar(&f.rules.Rise, "rise", f.rules.Rise,
		"checks in a row that have to be fine before routes are announced")
	p.IntVar(&f.rules.Fall, "fall", f.rules.Fall,
		"checks in a row that have to fail before they are not")
	p.DurationVar(&f.rules.Hold, "hold", f.rules.Hold, "time that routes stay taken back; twice "+
		"as long each time that the server fails again")
	p.DurationVar(&f.rules.Calm, "calm", f.rules.Calm,
		"time without a failure after which --hold is as at first")
	p.DurationVar(&f.rules.Linger, "linger", f.rules.Linger,
		"time that routes stay lowered while the server ends, before they are withdrawn")
	p.BoolVar(&f.withdraw, "withdraw-poor", false, "withdraw the routes of a server that "+
		"answers, but not with what it should, instead of lowering them")
	p.StringVar(&f.metrics, "metrics", "", "serve metrics at `ADDRESS:PORT`")
	p.StringVarP(&f.config, "config", "c", "",
		"configuration `FILE` of the server, whose fleet.store counts withdrawn nodes")
	p.IntVar(&f.most, "most-withdrawn", 0, "nodes of the fleet that may be withdrawn at once "+
		"while they answer; 0: any number; needs --config")
	p.StringVar(&f.group, "group", "anycast", "nodes of the fleet that stand in for each other")
	p.StringVar(&f.node, "node", "", "`NAME` of this node in the fleet, by default the machine's")
	cmd.AddCommand(announceExaBGP(f), announceBIRD(f))
	return cmd
}

func announceExaBGP(f *announceFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "exabgp",
		Short: "Announce by ExaBGP, which has started this process",
		Long: "Write lines of ExaBGP's text API to standard output, and read its replies from " +
			"standard input. The process ends with ExaBGP.",
		Example: "  bailiwick announce exabgp --route 192.0.2.53/32 --route 2001:db8::53/128",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d := &announce.ExaBGP{NextHop: f.nextHop, Communities: f.communities, Med: f.med}
			if err := f.exabgp(d); err != nil {
				return err
			}
			if err := f.check(); err != nil {
				return err
			}
			f.rules.Lower = !f.withdraw
			if err := d.Open(cmd.InOrStdin(), cmd.OutOrStdout()); err != nil {
				return wrongUse("%v", err)
			}
			return f.run(cmd, d)
		},
	}
	cmd.Flags().StringArrayVar(&f.routes, "route", nil, "`PREFIX` to announce")
	cmd.Flags().StringVar(&f.nextHop, "next-hop", "self", "next hop: an address, or self")
	cmd.Flags().StringArrayVar(&f.communities, "community", nil, "`COMMUNITY` of the routes")
	cmd.Flags().IntVar(&f.med, "med", -1, "MED of the routes; -1: none")
	_ = cmd.MarkFlagRequired("route") // the flag is there
	return cmd
}

// communityText is a community as ExaBGP reads it: standard, large, or a well-known name. Nothing
// else may get into a line.
var communityText = pattern.New(`^([0-9]+:[0-9]+(:[0-9]+)?|[a-z][a-z-]*)$`)

// exabgp reads the flags of ExaBGP.
func (f *announceFlags) exabgp(d *announce.ExaBGP) error {
	for _, text := range f.routes {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return wrongUse("--route %q: %v", text, err)
		}
		if p != p.Masked() {
			return wrongUse("--route %q: bits after the prefix: %v", text, p.Masked())
		}
		d.Routes = append(d.Routes, p)
	}
	if _, err := netip.ParseAddr(f.nextHop); err != nil && f.nextHop != "self" {
		return wrongUse("--next-hop %q: an address, or self", f.nextHop)
	}
	for _, c := range f.communities {
		if !communityText.In(c) {
			return wrongUse("--community %q: not a community", c)
		}
	}
	return nil
}

func announceBIRD(f *announceFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bird",
		Short: "Announce by BIRD, over its control socket",
		Long: "Enable and disable protocols of BIRD that have the routes, over its control " +
			"socket. Without --lowered the routes of a server that is poor are withdrawn.",
		Example: "  bailiwick announce bird --protocol anycast --lowered anycast_low",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d := &announce.BIRD{Socket: f.socket, Protocols: f.protocols, Lowered: f.lowerProtocol}
			if err := d.Check(); err != nil {
				return wrongUse("%v", err)
			}
			if err := f.check(); err != nil {
				return err
			}
			f.rules.Lower = len(d.Lowered) > 0 && !f.withdraw
			return f.run(cmd, d)
		},
	}
	cmd.Flags().StringVar(&f.socket, "socket", "/run/bird/bird.ctl", "control `SOCKET` of BIRD")
	cmd.Flags().StringArrayVar(&f.protocols, "protocol", nil,
		"`PROTOCOL` that has routes; `disabled` in BIRD's configuration")
	cmd.Flags().StringArrayVar(&f.lowerProtocol, "lowered", nil,
		"`PROTOCOL` that has the same routes, lowered; `disabled` in BIRD's configuration")
	_ = cmd.MarkFlagRequired("protocol") // the flag is there
	return cmd
}

// check reads the flags that both daemons have.
func (f *announceFlags) check() error {
	f.probe = announce.Probe{Validated: !f.unvalidated, Timeout: f.timeout}
	for _, text := range f.servers {
		s, err := parseServer(text)
		if err != nil {
			return err
		}
		if !s.addr.IsValid() {
			return wrongUse("--server %q: not an address", text)
		}
		f.probe.Servers = append(f.probe.Servers, netip.AddrPortFrom(s.addr, s.port))
	}
	for _, text := range f.names {
		i := strings.LastIndexByte(text, '/')
		if i < 0 {
			return wrongUse("--name %q: a name, / and a type", text)
		}
		name, err := wire.ParseName(text[:i])
		if err != nil {
			return wrongUse("--name %q: %v", text, err)
		}
		t, ok := wire.ParseType(text[i+1:])
		if !ok {
			return wrongUse("--name %q: %q is not a type", text, text[i+1:])
		}
		f.probe.Questions = append(f.probe.Questions, announce.Question{Name: name, Type: t})
	}
	switch r := f.rules; {
	case len(f.probe.Servers) == 0 || len(f.probe.Questions) == 0:
		return wrongUse("a server and a name are needed")
	case r.Rise < 1 || r.Fall < 1:
		return wrongUse("--rise and --fall have to be 1 or more")
	case f.every < 100*time.Millisecond || f.timeout < 10*time.Millisecond:
		return wrongUse("--every has to be 100ms or more, --timeout 10ms or more")
	case r.Hold < 0 || r.Hold > time.Hour || r.Calm < 0 || r.Linger < 0:
		return wrongUse("--hold has to be 0 to 1h, --calm and --linger 0 or more")
	}
	return nil
}

// permits opens the store of the fleet, if it is to count withdrawn nodes.
func (f *announceFlags) permits(cmd *cobra.Command) (*announce.Permits, error) {
	if f.most == 0 {
		return nil, nil
	}
	p := &announce.Permits{Group: f.group, Node: f.node, Most: f.most}
	if p.Node == "" {
		p.Node, _ = os.Hostname() // without one the flag has to be given
	}
	if err := p.Check(); err != nil {
		return nil, wrongUse("%v", err)
	}
	cfg, found := readConfig(f.config)
	if err := refuse(cmd.ErrOrStderr(), f.config, found.Errors()); err != nil {
		return nil, err
	}
	settings, found := snapshot.LoadStore(cfg)
	if err := refuse(cmd.ErrOrStderr(), f.config, found.Errors()); err != nil {
		return nil, err
	}
	if settings.Store == "" {
		return nil, wrongUse("--most-withdrawn needs a configuration with fleet.store")
	}
	p.Store = fleet.OpenStore(settings)
	return p, nil
}

// run announces until it is ended.
func (f *announceFlags) run(cmd *cobra.Command, d announce.Daemon) error {
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	permits, err := f.permits(cmd)
	if err != nil {
		return err
	}
	if permits != nil {
		defer permits.Store.Close()
	}
	m := observe.NewAnnouncement()
	a := &announce.Announcer{Probe: &f.probe, Daemon: d, Permits: permits, Every: f.every,
		Log: slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil)), Saw: m.Saw, Moved: m.Moved}
	if f.metrics != "" {
		l, err := net.Listen("tcp", f.metrics)
		if err != nil {
			return err
		}
		s := &http.Server{Handler: promhttp.HandlerFor(m.Registry, promhttp.HandlerOpts{}),
			ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second, MaxHeaderBytes: 16 << 10}
		served := make(chan struct{})
		go func() { defer close(served); _ = s.Serve(l) }() // until it is closed
		defer func() { _ = s.Close(); <-served }()
	}
	if !f.rules.Lower && permits == nil {
		a.Log.Warn("nothing keeps all nodes from being withdrawn at once; docs/anycast.md",
			"see", "--lowered, --most-withdrawn")
	}
	if err := a.Run(ctx, f.rules); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("announce: %w", err)
	}
	return nil
}
