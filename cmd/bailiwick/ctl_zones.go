package main

import "github.com/spf13/cobra"

// zonesCommand is `bailiwick ctl zones`, of the zones that a copy is kept of.
func (c *ctl) zonesCommand() *cobra.Command {
	zones := &cobra.Command{
		Use:   "zones",
		Short: "List the zones that a copy is kept of: serial, source, age, expiry, digest",
		Long: "List the zones that a copy is kept of (zones.local_root, zones.held): whether the " +
			"copy may be used, its serial and source, how long ago a source has confirmed it, " +
			"when it is checked next and when it expires, its digest, and why the last check " +
			"failed.",
		Args:              cobra.NoArgs,
		SuggestFor:        []string{"zonestatus", "auth_zones", "secondary"},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.call(cmd, "zones")
		},
	}
	zones.AddCommand(&cobra.Command{
		Use:               "refresh ZONE",
		Short:             "Check now whether there is a newer zone",
		Args:              cobra.ExactArgs(1),
		SuggestFor:        []string{"transfer", "retransfer", "reload"},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.call(cmd, "zones refresh", "name", args[0])
		},
	})
	return zones
}
