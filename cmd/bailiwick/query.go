package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"
	"github.com/spf13/cobra"

	"bailiwick/internal/config"
	"bailiwick/internal/event"
	"bailiwick/internal/lab"
	"bailiwick/internal/snapshot"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/wire"
)

// queryFlags are how a question is asked and its answer printed.
type queryFlags struct {
	file, subnet             string
	inLab, trace, dnssec, cd bool
	port                     uint16
}

func queryCommand() *cobra.Command {
	f := &queryFlags{}
	cmd := &cobra.Command{
		Use: "query NAME [TYPE] [@SERVER]",
		Short: "Resolve a name from the root, by itself, or ask a server, and print the answer " +
			"as dig does",
		Long: "Resolve a name from the root, by itself, and print the answer as dig does, with " +
			"the cause if there is none.\n" +
			"With @SERVER (an address or a name, with a port or without) that server is asked " +
			"instead, as dig would.\n\n" + exitStatuses,
		Example: "  bailiwick query --trace www.example.com AAAA\n  bailiwick query " +
			"@127.0.0.1:5300 www.example.com",
		Args:              cobra.RangeArgs(1, 3),
		ValidArgsFunction: completeQuestion,
		RunE:              f.run,
	}
	cmd.Flags().StringVarP(&f.file, "config", "c", "", "configuration `FILE`")
	cmd.Flags().BoolVar(&f.inLab, "lab", false,
		"ask the embedded signed internet instead of the real one")
	cmd.Flags().BoolVar(&f.trace, "trace", false,
		"print each step: server, question, answer, verdict")
	cmd.Flags().BoolVar(&f.dnssec, "dnssec", false, "print signatures and proofs too")
	cmd.Flags().BoolVar(&f.cd, "cd", false, "do not validate")
	cmd.Flags().StringVar(&f.subnet, "subnet", "",
		"ask for clients in this `NETWORK` (RFC 7871); 0 asks @SERVER to send none on")
	cmd.Flags().Uint16VarP(&f.port, "port", "p", 53, "`PORT` of @SERVER")
	_ = cmd.RegisterFlagCompletionFunc("config", completeConfig) // the flag is there
	return cmd
}

// run asks the server that is named, or resolves the question here.
func (f *queryFlags) run(cmd *cobra.Command, args []string) error {
	server, args, err := splitServer(args)
	if err != nil {
		return err
	}
	q, err := parseQuestion(args)
	if err != nil {
		return err
	}
	var option *wire.Subnet
	if cmd.Flags().Changed("subnet") {
		s, err := parseSubnet(f.subnet)
		if err != nil {
			return err
		}
		option = &s
	}
	if server != "" {
		if f.inLab || f.trace || f.file != "" {
			return wrongUse("--lab, --trace and --config are for names that are resolved here; "+
				"%s only answers", server)
		}
		return queryServer(cmd.OutOrStdout(), server, f.port, q, f.dnssec, f.cd, option)
	}
	if cmd.Flags().Changed("port") {
		return wrongUse("--port is for a server: query @SERVER --port %d %s", f.port, q.Name)
	}
	return f.here(cmd, q, option)
}

// here resolves the question in this process, and prints the answer.
func (f *queryFlags) here(cmd *cobra.Command, q wire.Question, option *wire.Subnet) error {
	r, _, err := ownResolver(cmd.ErrOrStderr(), f.file, f.inLab, nil)
	if err != nil {
		return err
	}
	defer r.Close()
	o := resolver.Options{CheckingDisabled: f.cd}
	if option != nil {
		// The user asks for whom it likes, and has to name the zones all the same.
		if !r.ECS().On() {
			return wrongUse("--subnet: no zone learns networks; name some in " +
				"resolver.ecs.zones of --config FILE")
		}
		o.Network = r.ECS().Cut(option.Network)
	}
	events := &event.Trace{}
	if f.trace {
		o.Events = events
	}
	began := time.Now()
	a := r.Resolve(context.Background(), q, o)
	if err := events.Write(cmd.OutOrStdout()); err != nil {
		return err
	}
	if err := printAnswer(cmd.OutOrStdout(), a, f.dnssec, time.Since(began)); err != nil {
		return err
	}
	if a.RCode == wire.RCodeServFail {
		return &exitError{nil, statusUnresolved}
	}
	return nil
}

// statusUnresolved is the exit status of a query without an answer.
const statusUnresolved = 2

// splitServer removes @SERVER from the arguments, at any position.
func splitServer(args []string) (server string, rest []string, err error) {
	for _, a := range args {
		switch s, ok := strings.CutPrefix(a, "@"); {
		case !ok:
			rest = append(rest, a)
		case s == "":
			return "", nil, wrongUse("@ wants a server's name or address behind it, without a " +
				"space: @127.0.0.1")
		case server != "":
			return "", nil, wrongUse("@%s and @%s: one server is asked", server, s)
		default:
			server = s
		}
	}
	switch {
	case len(rest) == 0:
		return "", nil, wrongUse("query @%s: of what name? usage: bailiwick query NAME [TYPE] "+
			"[@SERVER]", server)
	case len(rest) > 2:
		return "", nil, wrongUse("%q is too much; usage: bailiwick query NAME [TYPE] [@SERVER]",
			rest[2])
	}
	return server, rest, nil
}

// parseQuestion reads a name and a type. The type may come first, as with dig; a single
// label there is a name.
func parseQuestion(args []string) (q wire.Question, err error) {
	q = wire.Question{Type: wire.TypeA, Class: wire.ClassIN}
	name := args[0]
	if len(args) > 1 {
		t, ok := wire.ParseType(args[1])
		if first, is := wire.ParseType(name); !ok && is && strings.Contains(args[1], ".") {
			t, ok, name = first, true, args[1]
		}
		if !ok {
			meant := ""
			if n := config.Nearest(strings.ToUpper(args[1]), typeNames()); n != "" {
				meant = "; did you mean " + n + "?"
			}
			return q, fmt.Errorf("%q is not a type such as AAAA, MX or TYPE65%s", args[1], meant)
		}
		q.Type = t
	}
	if q.Name, err = wire.ParseName(name); err != nil {
		return q, fmt.Errorf("name %q: %w", name, err)
	}
	return q, nil
}

// typeNames returns the names of the types that a question may have.
func typeNames() (names []string) {
	for t := range wire.Type(1 << 9) {
		if name, ok := t.Mnemonic(); ok && (!t.IsMeta() || t == wire.TypeANY) {
			names = append(names, name)
		}
	}
	return names
}

// completeQuestion completes types after the name, and never files.
func completeQuestion(_ *cobra.Command, args []string, typed string) (types []cobra.Completion,
	_ cobra.ShellCompDirective) {
	if len(args) > 0 {
		for _, t := range typeNames() {
			if strings.HasPrefix(t, strings.ToUpper(typed)) {
				types = append(types, t)
			}
		}
	}
	return types, cobra.ShellCompDirectiveNoFileComp
}

// queryServer asks a server over UDP, and over TCP if the answer is truncated, and prints the
// answer.
func queryServer(out io.Writer, server string, port uint16, q wire.Question, dnssec,
	cd bool, subnet *wire.Subnet) error {
	at, err := serverAddress(server, port)
	if err != nil {
		return err
	}
	m := new(dns.Msg)
	m.SetQuestion(q.Name.String(), uint16(q.Type))
	m.AuthenticatedData = true // asks for the AD flag in the answer (RFC 6840, section 5.7)
	m.CheckingDisabled = cd
	m.SetEdns0(1232, dnssec)
	if subnet != nil {
		m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_LOCAL{Code: dns.EDNS0SUBNET,
			Data: subnet.AppendTo(nil)})
	}
	began, via := time.Now(), "udp"
	r, _, err := (&dns.Client{Timeout: queryTimeout, UDPSize: 1232}).Exchange(m, at)
	if err == nil && r.Truncated {
		via = "tcp"
		r, _, err = (&dns.Client{Timeout: queryTimeout, Net: via}).Exchange(m, at)
	}
	if err != nil {
		return fmt.Errorf("no answer from %s: %w", at, err)
	}
	fmt.Fprintln(out, r)
	fmt.Fprintf(out, ";; Server: %s (%s), %d msec\n", at, via, time.Since(began).Milliseconds())
	if r.Rcode == dns.RcodeServerFailure {
		return &exitError{nil, statusUnresolved}
	}
	return nil
}

// queryTimeout is how long a server may take: a little longer than our own resolver may.
const queryTimeout = resolver.MaxTime + 200*time.Millisecond

// serverAddress returns the address and port of a server that is given by address or name.
func serverAddress(server string, port uint16) (string, error) {
	p := strconv.Itoa(int(port))
	if a, err := netip.ParseAddr(strings.Trim(server, "[]")); err == nil {
		return net.JoinHostPort(a.String(), p), nil
	}
	for _, sep := range []string{"#", ":"} { // dig's form, and ours
		if i := strings.LastIndex(server, sep); i >= 0 {
			host, number := server[:i], server[i+1:]
			if _, err := strconv.ParseUint(number, 10, 16); err != nil {
				return "", wrongUse("@%s: %q is not a port", server, number)
			}
			return net.JoinHostPort(strings.Trim(host, "[]"), number), nil
		}
	}
	return net.JoinHostPort(server, p), nil
}

// ownResolver returns a resolver in this process, and what it asks servers with: the network, or
// the embedded lab. Some trust anchors may stand in place of those of the configuration.
func ownResolver(stderr io.Writer, file string, inLab bool, anchors []string) (*resolver.Resolver,
	transport.Exchanger, error) {
	cfg, found := readConfig(file)
	if len(anchors) > 0 {
		cfg.Anchors.Builtin, cfg.Anchors.Records, cfg.Anchors.File = false, anchors, ""
	}
	var over transport.Exchanger = &transport.NetExchanger{}
	if inLab {
		w := lab.Internet(time.Now())
		if err := useLab(cfg, w); err != nil {
			return nil, nil, err
		}
		over = w
	}
	cfg.Log.Level = slog.LevelError // what is printed has all there is to know
	p, more := snapshot.Load(cfg)
	if err := refuse(stderr, file, append(found, more...).Errors()); err != nil {
		return nil, nil, err
	}
	return newStack(p, over, nil).now().resolver, over, nil
}

// printAnswer prints an answer as dig does, with the reason for its result.
func printAnswer(out io.Writer, a *resolver.Answer, dnssec bool, took time.Duration) error {
	flags := wire.FlagQR | wire.FlagRD | wire.FlagRA | uint16(a.RCode&15)
	if a.Status == wire.Secure {
		flags |= wire.FlagAD
	}
	b := wire.NewBuilder(wire.MaxMessageLen, 0, flags, []byte(a.Question.Name.Wire()),
		a.Question.Type, a.Question.Class)
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
		if f.Hint() != "" {
			fmt.Fprintf(out, ";; Hint: %s\n", f.Hint())
		}
	}
	fmt.Fprintf(out, ";; %d packets upstream, %d msec\n", a.Sent, took.Milliseconds())
	return nil
}
