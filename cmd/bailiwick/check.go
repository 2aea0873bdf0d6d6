package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"bailiwick/internal/check"
	"bailiwick/internal/check/probe"
	"bailiwick/internal/clock"
)

// zoneCheck is a run of the command check, by its flags.
type zoneCheck struct {
	config, format, failOn, ipv4, ipv6, zoneFile, leadTime    string
	servers, ds, dnskey, parents, anchors, names, tlsa, write []string
	noParent, inLab, schema                                   bool
	timeout, maxTime                                          time.Duration
}

func checkCommand() *cobra.Command {
	var f zoneCheck
	cmd := &cobra.Command{
		Use:   "check ZONE",
		Short: "Check a zone on its name servers, before or after it is published",
		Long: "Check a zone on all of its name servers: reachability, agreement, signatures, " +
			"keys, denials, CDS, the delegation, TLSA records. It asks the delegated servers, or " +
			"those of --server, and judges the keys by the parent's DS, or by --ds.\n\n" +
			"Exit status: 0 no finding of the severity of --fail-on or above; 1 there are; 2 " +
			"wrong use of the command line.\nFindings: docs/reference/check.md",
		Example: "  bailiwick check example.com\n" +
			"  bailiwick check example.com --server ns1.example.net=192.0.2.1 --no-parent \\\n" +
			"      --ds \"12345 13 2 4B9B...\"\n" +
			"  bailiwick check example.com --names www,mail/MX --tlsa _443._tcp.www \\\n" +
			"      --fail-on warning --write sarif=check.sarif",
		Args: func(_ *cobra.Command, args []string) error {
			if f.schema {
				return cobra.NoArgs(nil, args)
			}
			return cobra.ExactArgs(1)(nil, args)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.schema {
				return check.Schema(cmd.OutOrStdout())
			}
			return f.run(cmd, args[0])
		},
	}
	f.register(cmd)
	return cmd
}

// register adds the flags to the command.
func (f *zoneCheck) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringArrayVarP(&f.servers, "server", "s", nil,
		"name server to ask, `NAME[=ADDRESS][:PORT]` or ADDRESS[:PORT]; repeatable")
	fs.StringArrayVar(&f.ds, "ds", nil,
		"proposed DS: `\"TAG ALGORITHM TYPE DIGEST\"`, a record, or a file; repeatable")
	fs.StringArrayVar(&f.dnskey, "dnskey", nil,
		"key whose DS is proposed: `\"FLAGS 3 ALGORITHM KEY\"`, a record, or a file; repeatable")
	fs.StringArrayVar(&f.parents, "parent-server", nil,
		"server of the parent to ask, `NAME[=ADDRESS][:PORT]` or ADDRESS[:PORT]; repeatable")
	fs.BoolVar(&f.noParent, "no-parent", false, "do not ask the parent")
	fs.StringArrayVar(&f.anchors, "anchor", nil,
		"trust anchor in place of the root's, a DS or DNSKEY record or a `FILE`; repeatable")
	fs.StringSliceVar(&f.names, "names", nil,
		"`NAMES` to compare on all servers, each with a type or without: www,mail/MX")
	fs.StringArrayVar(&f.tlsa, "tlsa", nil,
		"`NAME[=ADDRESS:PORT]` whose TLSA records are compared with the service: "+
			"_443._tcp.www; repeatable")
	fs.StringVar(&f.leadTime, "lead-time", "",
		"`TIME` that signatures have to last, such as 7d (default: 48h, or a quarter of their "+
			"validity if that is less)")
	fs.StringVar(&f.failOn, "fail-on", "error", "fail on findings of this `SEVERITY` and above: "+
		"error, warning or notice")
	fs.StringVar(&f.format, "format", "text", "`FORMAT` of the output: text, json, junit or sarif")
	fs.StringArrayVar(&f.write, "write", nil,
		"write a report to a file besides, `FORMAT=FILE`; repeatable")
	fs.StringVar(&f.zoneFile, "zone-file", "",
		"`FILE` in the repository that results in SARIF point to (default: the zone's name)")
	fs.DurationVar(&f.timeout, "timeout", 3*time.Second,
		"time for a reply; UDP is tried three times")
	fs.DurationVar(&f.maxTime, "max-time", check.MaxTime, "time for the whole check")
	fs.StringVar(&f.ipv4, "ipv4", "on", "ask over IPv4: `on` or off")
	fs.StringVar(&f.ipv6, "ipv6", "on", "ask over IPv6: `on` or off")
	fs.BoolVar(&f.inLab, "lab", false, "check a zone of the embedded internet")
	fs.StringVarP(&f.config, "config", "c", "",
		"configuration `FILE` of the resolver that finds the servers")
	fs.BoolVar(&f.schema, "schema", false, "print the JSON schema of the report")
	_ = cmd.RegisterFlagCompletionFunc("config", completeConfig) // the flag is there
}

// run checks a zone.
func (f *zoneCheck) run(cmd *cobra.Command, name string) error {
	o, settings, err := f.read(name)
	if err != nil {
		return err
	}
	anchors, err := readAnchors(f.anchors)
	if err != nil {
		return err
	}
	r, over, err := ownResolver(cmd.ErrOrStderr(), f.config, f.inLab, anchors)
	if err != nil {
		return err
	}
	defer r.Close()
	ctx, cancel := context.WithTimeout(cmd.Context(), f.maxTime)
	defer cancel()
	p := probe.New(probe.Config{Over: over, Timeout: f.timeout, Lookup: probe.Resolving(r.Resolve),
		NoIPv4: settings.noIPv4, NoIPv6: settings.noIPv6}, o.Zone)
	if err := f.find(ctx, p, o, settings); err != nil {
		return err
	}
	o.Now = clock.Wall(clock.Default())
	p.Run(ctx, o)
	report := &check.Report{Zone: o.Zone.String(), Time: o.Now, Program: versionText(),
		Queries: p.Queries(), Findings: check.Judge(o), FailOn: settings.failOn}
	for _, s := range o.Servers {
		report.Servers = append(report.Servers, s.String())
	}
	if o.Parent != nil {
		for _, s := range o.Parent.Servers {
			report.Parent = append(report.Parent, s.String())
		}
	}
	return f.print(cmd.OutOrStdout(), report, settings)
}

// find fills in the servers that are asked.
func (f *zoneCheck) find(ctx context.Context, p *probe.Probe, o *check.Observations,
	s *checkSettings) error {
	var err error
	if o.Parent != nil {
		if o.Parent.Servers, err = s.resolve(ctx, p, s.parents); err != nil {
			return err
		}
		p.FindParent(ctx, o)
	}
	if !o.Given {
		p.FindServers(ctx, o)
	} else if o.Servers, err = s.resolve(ctx, p, s.servers); err != nil {
		return err
	}
	if len(o.Servers) == 0 && o.Parent == nil {
		return fmt.Errorf("no name server of %s is known; name one with --server", o.Zone)
	}
	return nil
}

// print writes the report in all forms that are wanted, and is the error if the check has failed.
func (f *zoneCheck) print(out io.Writer, r *check.Report, s *checkSettings) error {
	if err := writeReport(out, f.format, f.zoneFile, r); err != nil {
		return err
	}
	for _, file := range s.files {
		to, err := os.Create(file.path)
		if err != nil {
			return err
		}
		if err := writeReport(to, file.format, f.zoneFile, r); err != nil {
			_ = to.Close()
			return err
		}
		if err := to.Close(); err != nil {
			return err
		}
	}
	if r.Failed() {
		return &exitError{nil, 1}
	}
	return nil
}

// reportFormats are the forms of a report.
var reportFormats = []string{"text", "json", "junit", "sarif"}

// writeReport writes a report in a form.
func writeReport(w io.Writer, format, zoneFile string, r *check.Report) error {
	switch format {
	case "json":
		return r.WriteJSON(w)
	case "junit":
		return r.WriteJUnit(w)
	case "sarif":
		return r.WriteSARIF(w, zoneFile)
	}
	return r.WriteText(w, isTerminal(w))
}

// isTerminal reports whether colours are wanted: by a terminal whose user has not said no
// (no-color.org).
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
