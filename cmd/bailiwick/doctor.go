// The command doctor: whether DNS works on this machine, over which path, and what is wrong.

package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"bailiwick/internal/check"
	"bailiwick/internal/clock"
	"bailiwick/internal/config"
	"bailiwick/internal/doctor"
	"bailiwick/internal/routes"
	"bailiwick/internal/snapshot"
	"bailiwick/transport"
	"bailiwick/wire"
)

// examination is a run of the command doctor, by its flags.
type examination struct {
	config, root, proc, large, failOn       string
	listen, resolvers, authorities, nowhere []string
	json                                    bool
	timeout, maxTime                        time.Duration
}

func doctorCommand() *cobra.Command {
	var f examination
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Find out whether DNS works on this machine, over which path, and what is wrong",
		Long: "Look at resolv.conf, nsswitch.conf, systemd-resolved and the sockets of this " +
			"machine, and ask the servers that programs ask, those of the configuration, the " +
			"root's, and an address where no server is. The root's keys are compared with the " +
			"trust anchors. Nothing is changed.\n\n" +
			"Exit status: 0 no finding of the severity of --fail-on or above; 1 there are; 2 " +
			"wrong use of the command line.\nFindings: docs/reference/doctor.md",
		Example: "  bailiwick doctor\n  bailiwick doctor --listen 127.0.0.1:53 --json\n" +
			"  bailiwick doctor --resolver 192.168.1.1",
		Args: cobra.NoArgs, ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	fs := cmd.Flags()
	fs.StringVarP(&f.config, "config", "c", "",
		"configuration `FILE` of the server (default: "+usualConfig+", if it is there)")
	fs.BoolVar(&f.json, "json", false, "print JSON, for programs")
	fs.StringVar(&f.failOn, "fail-on", "error", "fail on findings of this `SEVERITY` and above: "+
		"error, warning or notice")
	fs.StringArrayVar(&f.listen, "listen", nil, "`ADDRESS[:PORT]` that the server is to listen "+
		"at, in place of those of the configuration; repeatable")
	fs.StringArrayVarP(&f.resolvers, "resolver", "s", nil,
		"`ADDRESS[:PORT]` to ask in place of those of resolv.conf; repeatable")
	fs.StringArrayVar(&f.authorities, "authority", nil, "`ADDRESS[:PORT]` to ask in place of "+
		"the root's servers of the configuration; repeatable")
	fs.StringArrayVar(&f.nowhere, "nobody", []string{"192.0.2.1", "2001:db8::1"},
		"`ADDRESS[:PORT]` where no server is, for finding who answers all the same; repeatable")
	fs.StringVar(&f.large, "large", "",
		"`NAME/TYPE` whose answer is large, to ask resolvers for besides the root's keys")
	fs.StringVar(&f.root, "root", "/", "`FOLDER` that the files of the machine are read below")
	fs.StringVar(&f.proc, "proc", "/proc", "`FOLDER` of the machine's processes and sockets")
	fs.DurationVar(&f.timeout, "timeout", doctor.ReplyTime,
		"time for a reply; UDP is tried twice")
	fs.DurationVar(&f.maxTime, "max-time", doctor.MaxTime, "time for all questions")
	_ = cmd.RegisterFlagCompletionFunc("config", completeConfig) // the flag is there
	return cmd
}

// run examines the machine and prints the report.
func (f *examination) run(cmd *cobra.Command) error {
	failOn, err := check.ParseSeverity(f.failOn)
	if err != nil {
		return wrongUse("--fail-on %v", err)
	}
	c, err := f.read(cmd)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), f.maxTime)
	defer cancel()
	o := doctor.Examine(ctx, c, &transport.NetExchanger{})
	r := doctor.Report{Time: c.Now, Program: versionText(), Works: doctor.Works(o),
		Path: doctor.Path(o), Findings: doctor.Judge(o), Sent: o.Sent(), FailOn: failOn}
	if f.root == thisRoot {
		if socket, err := controlSocket("", f.file()); err == nil {
			r.Path = append(r.Path, networkPath(socket)...)
		}
	}
	if f.json {
		err = r.WriteJSON(cmd.OutOrStdout())
	} else {
		err = r.WriteText(cmd.OutOrStdout(), isTerminal(cmd.OutOrStdout()))
	}
	if err == nil && r.Failed() {
		return &exitError{nil, 1}
	}
	return err
}

// file returns the configuration file of the server, "" if there is none.
func (f *examination) file() string {
	if f.config == "" {
		if _, err := os.Stat(usualConfig); err == nil {
			return usualConfig
		}
	}
	return f.config
}

// read makes the examination's settings of the configuration and the flags.
func (f *examination) read(cmd *cobra.Command) (c doctor.Config, err error) {
	file := f.file()
	cfg, found := readConfig(file)
	cfg.Log.Level = slog.LevelError // the report has all there is to know
	snap, more := snapshot.Load(cfg)
	if err := refuse(cmd.ErrOrStderr(), file, append(found, more...).Errors()); err != nil {
		return c, err
	}
	c = doctor.Config{Root: f.root, Proc: f.proc, Families: routes.New().Families,
		Skew: cfg.Resolver.Validation.Skew, Earliest: snap.Resolver.Earliest, Timeout: f.timeout,
		Now: clock.Wall(clock.Default())}
	c.Anchors, _ = snap.Anchors.At(wire.Root) // nil without any: nothing is verified
	for _, h := range snap.Resolver.Hints {
		c.Known = append(c.Known, doctor.Host{Name: h.Name, Addrs: h.Addrs})
		for _, a := range h.Addrs {
			c.Authorities = append(c.Authorities, netip.AddrPortFrom(a, cfg.Resolver.Port))
		}
	}
	c.Known = c.Known[:min(1, len(c.Known))]
	c.Forwarders = forwarders(cfg, snap)
	c.Certificates = snap.InForce(snap.Certificates, nil)
	if file != "" {
		c.Wanted = wanted(cfg)
	}
	return c, f.override(&c)
}

// override has flags take the place of what the configuration says.
func (f *examination) override(c *doctor.Config) error {
	for _, o := range []struct {
		flag  string
		given []string
		to    *[]netip.AddrPort
	}{{"resolver", f.resolvers, &c.Resolvers}, {"authority", f.authorities, &c.Authorities},
		{"nobody", f.nowhere, &c.Nobody}} {
		addrs, err := addressesOf(o.flag, o.given)
		if err != nil {
			return err
		}
		if len(addrs) > 0 {
			*o.to = addrs
		}
	}
	addrs, err := addressesOf("listen", f.listen)
	if err != nil {
		return err
	}
	if len(addrs) > 0 {
		c.Wanted = nil
		for _, a := range addrs {
			c.Wanted = append(c.Wanted, doctor.Socket{Addr: a}, doctor.Socket{Addr: a, TCP: true})
		}
	}
	if f.large != "" {
		if c.Large, err = parseTyped(f.large); err != nil {
			return wrongUse("--large: %v", err)
		}
	}
	return nil
}

// wanted returns the addresses that a configuration has DNS served at without encryption.
func wanted(cfg *config.Config) (all []doctor.Socket) {
	for _, p := range []transport.Protocol{transport.UDP, transport.TCP} {
		for _, l := range cfg.Listen[p] {
			all = append(all, doctor.Socket{Addr: l.Addr, TCP: p == transport.TCP})
		}
	}
	return all
}

// forwarders returns the servers that a configuration forwards the root to.
func forwarders(cfg *config.Config, snap *snapshot.Snapshot) (all []doctor.Forwarder) {
	insecure := slices.ContainsFunc(cfg.Zones, func(z config.Zone) bool {
		return z.Name.IsRoot() && z.Insecure
	})
	for _, z := range snap.Resolver.Zones {
		if !z.Forward || !z.Name.IsRoot() {
			continue
		}
		for _, a := range z.Addrs {
			all = append(all, doctor.Forwarder{Addr: a, Via: z.Via, Peer: z.Peer,
				Insecure: insecure})
		}
	}
	return all
}

// addressesOf reads addresses of a flag, at port 53 unless they have another.
func addressesOf(flag string, texts []string) (addrs []netip.AddrPort, err error) {
	for _, t := range texts {
		a, err := netip.ParseAddrPort(t)
		if err != nil {
			host, err := netip.ParseAddr(t)
			if err != nil {
				return nil, wrongUse("--%s: %q is not an address such as 127.0.0.1, [::1]:53", flag,
					t)
			}
			a = netip.AddrPortFrom(host, 53)
		}
		addrs = append(addrs, a)
	}
	return addrs, nil
}

// parseTyped reads a name with a type, NAME/TYPE.
func parseTyped(text string) (q wire.Question, err error) {
	name, typed, ok := strings.Cut(text, "/")
	t, known := wire.ParseType(typed)
	if !ok || !known {
		return q, fmt.Errorf("%q is not a name with a type such as example.com/TXT", text)
	}
	n, err := wire.ParseName(name)
	return wire.Question{Name: n, Type: t, Class: wire.ClassIN}, err
}
