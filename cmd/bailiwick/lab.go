package main

import (
	"fmt"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"bailiwick/internal/lab"
)

func labCommand() *cobra.Command {
	var port uint16
	cmd := &cobra.Command{
		Use: "lab",
		Short: "Serve the embedded signed internet's authorities on loopback, for any " +
			"resolver",
		Long: "Serve the authorities of the embedded internet at addresses of " +
			"127.53.0.0/16, and print root hints and trust anchor for a resolver.",
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			w := lab.Internet(time.Now())
			if err := w.Listen(ctx, port); err != nil {
				return err
			}
			name, addrs := w.Roots()
			fmt.Fprintf(cmd.OutOrStdout(), "; root hints, port %d\n. 3600 IN NS %s\n", port, name)
			for _, a := range addrs {
				fmt.Fprintf(cmd.OutOrStdout(), "%s 3600 IN A %s\n", name, a)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "; trust anchor\n%s\n", w.Anchor())
			<-ctx.Done()
			return nil
		},
	}
	cmd.Flags().Uint16Var(&port, "port", 53, "port that the authorities listen at")
	return cmd
}
