// The commands of ctl for the life of the process.

package main

import (
	"github.com/spf13/cobra"
)

// drainCommand returns `ctl drain`.
func (c *ctl) drainCommand() *cobra.Command {
	var wait string
	cmd := &cobra.Command{
		Use:   "drain",
		Short: "End the server in an orderly way",
		Long: "End the server as SIGTERM does: /readyz turns off, the server goes on for " +
			"shutdown.wait, answers what is in work, tells clients with connections that they " +
			"end, and stops.",
		Args:              cobra.NoArgs,
		SuggestFor:        []string{"stop", "shutdown", "quit", "exit", "halt"},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.call(cmd, "drain", "wait", wait)
		},
	}
	cmd.Flags().StringVar(&wait, "wait", "",
		"go on for this `DURATION` in place of shutdown.wait, for example 30s")
	return cmd
}

// upgradeCommand returns `ctl upgrade`.
func (c *ctl) upgradeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "upgrade",
		Short: "Have the installed program take over without losing a query",
		Long: "Start the program that is installed now, with the arguments of the running one, " +
			"and hand it all sockets, as SIGUSR2 does. The running process ends when the new " +
			"one serves. If that does not start, the running one goes on.\n\n" +
			"Exit status: 0 a new process serves; 1 the old one goes on.",
		Args:              cobra.NoArgs,
		SuggestFor:        []string{"update", "takeover", "handover", "re-exec"},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.call(cmd, "upgrade")
		},
	}
}
