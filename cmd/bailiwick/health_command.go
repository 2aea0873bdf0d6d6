// The command that asks a running server whether it answers.

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"bailiwick/internal/config"
	"bailiwick/transport"
	"bailiwick/wire"
)

func healthCommand() *cobra.Command {
	var file string
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Ask the listeners of a configuration whether they answer",
		Long: "Ask each listener of a configuration at this machine for the root's name " +
			"servers, as a client does; those that encrypt are connected to. Any answer is " +
			"good, SERVFAIL too: no restart makes an unreachable network reachable. It is for " +
			"containers, whose images have no other program to ask with. Listeners behind a " +
			"PROXY header, and those of QUIC, are not asked. An error in the configuration is " +
			"told, and the listeners are asked all the same: a server that has refused to " +
			"reload it serves as before, and would not after a restart.\n\nExit status: 0 all " +
			"answer; 1 some do not.",
		Example:           "  bailiwick health --config /etc/bailiwick/bailiwick.yaml",
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, found := readConfig(file)
			wrong := refuse(cmd.ErrOrStderr(), file, found.Errors())
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			n, err := healthOf(ctx, cfg)
			if err != nil {
				return &exitError{errors.Join(wrong, err), 1}
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s answered\n", plural(n, "listener"))
			return nil
		},
	}
	cmd.Flags().StringVarP(&file, "config", "c", "", "configuration `FILE` of the server")
	cmd.Flags().DurationVar(&timeout, "timeout", 3*time.Second, "how long to wait for an answer")
	_ = cmd.RegisterFlagCompletionFunc("config", completeConfig) // the flag is there
	return cmd
}

// healthOf asks the listeners of a configuration, all at once, and returns how many were asked. At
// one of all addresses it asks over loopback.
func healthOf(ctx context.Context, cfg *config.Config) (asked int, err error) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	for _, p := range transport.Protocols() {
		for _, l := range cfg.Listen[p] {
			if len(l.ProxyFrom) > 0 || p.Encrypted() && !p.Stream() || !here(l.Addr.Addr()) {
				continue
			}
			asked++
			wg.Go(func() {
				if err := askFrom(ctx, p, loopback(l.Addr)); err != nil {
					mu.Lock()
					defer mu.Unlock()
					errs = append(errs, fmt.Errorf("%v %v: %w", p, l.Addr, err))
				}
			})
		}
	}
	wg.Wait()
	if asked == 0 {
		return 0, errors.New("no listener of the configuration can be asked")
	}
	return asked, errors.Join(errs...)
}

// askFrom asks a listener of another process.
func askFrom(ctx context.Context, via transport.Protocol, at netip.AddrPort) error {
	if via.Encrypted() || !via.Upstream() && via.Stream() {
		return connect(ctx, at)
	}
	network := &transport.NetExchanger{}
	defer network.Close()
	deadline, _ := ctx.Deadline()
	_, err := network.Exchange(ctx, transport.Request{Server: at, Via: via,
		Query:   wire.AppendQuery(nil, 0x4857, wire.FlagRD, []byte{0}, wire.TypeNS, 0, false, nil),
		Timeout: time.Until(deadline)})
	return err
}
