package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/miekg/dns"
	"github.com/spf13/cobra"

	"bailiwick/internal/config"
	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/wire"
)

func queryCommand() *cobra.Command {
	var file string
	var inLab, trace, dnssec, cd bool
	cmd := &cobra.Command{
		Use:   "query NAME [TYPE]",
		Short: "Resolve a name from the root, by itself, and print the answer as dig does",
		Args:  cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			q, err := parseQuestion(args)
			if err != nil {
				return err
			}
			cfg, err := loadConfig(file)
			if err != nil {
				return err
			}
			r, err := queryResolver(cfg, inLab)
			if err != nil {
				return err
			}
			o := resolver.Options{CheckingDisabled: cd}
			if trace {
				o.Tracer = tracer(cmd.OutOrStdout())
			}
			began := time.Now()
			a := r.Resolve(context.Background(), q, o)
			if err := printAnswer(cmd.OutOrStdout(), a, dnssec, time.Since(began)); err != nil {
				return err
			}
			if a.RCode == wire.RCodeServFail {
				return &exitError{nil, 2}
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&file, "config", "c", "", "configuration `FILE`")
	cmd.Flags().BoolVar(&inLab, "lab", false, "ask the embedded signed internet instead of the real one")
	cmd.Flags().BoolVar(&trace, "trace", false, "print each step: server, question, answer, verdict")
	cmd.Flags().BoolVar(&dnssec, "dnssec", false, "print signatures and proofs too")
	cmd.Flags().BoolVar(&cd, "cd", false, "do not validate")
	return cmd
}

func parseQuestion(args []string) (q wire.Question, err error) {
	q = wire.Question{Type: wire.TypeA, Class: wire.ClassIN}
	if q.Name, err = wire.ParseName(args[0]); err != nil {
		return q, fmt.Errorf("name %q: %w", args[0], err)
	}
	if len(args) > 1 {
		t, ok := wire.ParseType(args[1])
		if !ok {
			return q, fmt.Errorf("%q is no type such as AAAA, MX or TYPE65", args[1])
		}
		q.Type = t
	}
	return q, nil
}

// queryResolver is a resolver of this process's own.
func queryResolver(cfg *config.Config, inLab bool) (*resolver.Resolver, error) {
	var ex transport.Exchanger = &transport.NetExchanger{}
	if inLab {
		w := lab.Internet(time.Now())
		if err := useLab(cfg, w); err != nil {
			return nil, err
		}
		ex = w
	}
	s, err := newStack(cfg, ex, nil)
	if err != nil {
		return nil, err
	}
	return s.resolver, nil
}

// tracer prints steps, indented by how deep they are.
func tracer(out io.Writer) resolver.Tracer {
	return func(s resolver.Step) {
		from := "cache"
		if s.Server.IsValid() {
			from = s.Server.String() + " for " + s.Zone.String()
		}
		fmt.Fprintf(out, ";; %s%s  <- %s: %s\n", strings.Repeat("  ", s.Depth), s.Question, from, s.Outcome)
	}
}

// printAnswer prints an answer as dig does, and why it is as it is.
func printAnswer(out io.Writer, a *resolver.Answer, dnssec bool, took time.Duration) error {
	flags := wire.FlagQR | wire.FlagRD | wire.FlagRA | uint16(a.RCode&15)
	if a.Status == wire.Secure {
		flags |= wire.FlagAD
	}
	b := wire.NewBuilder(wire.MaxMessageLen, 0, flags, []byte(a.Question.Name.Wire()), a.Question.Type, a.Question.Class)
	for _, s := range a.Sets {
		b.Add(wire.SectionAnswer, s, dnssec)
	}
	for _, s := range a.Authority {
		if dnssec || s.Type == wire.TypeSOA && len(a.Sets) == 0 {
			b.Add(wire.SectionAuthority, s, dnssec)
		}
	}
	m := new(dns.Msg)
	if err := m.Unpack(b.Finish()); err != nil {
		return fmt.Errorf("printing the answer: %w", err)
	}
	fmt.Fprintln(out, m)
	fmt.Fprintf(out, ";; Verdict: %s\n", a.Status)
	if f := a.Failure; f != nil {
		fmt.Fprintf(out, ";; Cause: %s: %s\n", f.Cause.Label(), f.Error())
		if code, ok := f.Cause.EDE(); ok {
			fmt.Fprintf(out, ";; EDE: %d (%s)\n", code, dns.ExtendedErrorCodeToString[code])
		}
		if f.Cause.Hint() != "" {
			fmt.Fprintf(out, ";; Hint: %s\n", f.Cause.Hint())
		}
	}
	fmt.Fprintf(out, ";; %d packets upstream, %d msec\n", a.Sent, took.Milliseconds())
	return nil
}
