package main

import "github.com/spf13/cobra"

// policyCommand is `bailiwick ctl policy`, of local data and block lists.
func (c *ctl) policyCommand() *cobra.Command {
	policy := &cobra.Command{
		Use:   "policy",
		Short: "List local zones and block lists, or test what they say of a name",
		Long: "List the local zones and block lists that are in use (policy.local_zones, " +
			"policy.local_records, policy.hosts_files, policy.block_lists), and how many names " +
			"each has. After a change of a file, ctl reload puts it in use.",
		Args:              cobra.NoArgs,
		SuggestFor:        []string{"local", "blocklists", "local_zones", "rpz"},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.call(cmd, "policy")
		},
	}
	var client, listener string
	test := &cobra.Command{
		Use: "test NAME [TYPE]",
		Short: "Tell what local data and special names say to a question, or that it is " +
			"resolved as any other",
		Example: "  bailiwick ctl policy test ads.example\n" +
			"  bailiwick ctl policy test www.corp.example AAAA --client 10.1.2.3",
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.call(cmd, "policy test", "name", args[0], "type", append(args, "")[1],
				"client", client, "listener", listener)
		},
	}
	test.Flags().StringVar(&client, "client", "", "address of the client that asks, for its view")
	test.Flags().StringVar(&listener, "listener", "", "address that it asks at, such as "+
		"192.0.2.1:53 (default the first)")
	policy.AddCommand(test)
	return policy
}

// viewsCommand is `bailiwick ctl views`.
func (c *ctl) viewsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "views",
		Short: "List the views, whom they are for, and how often they were asked",
		Long: "List the views (views): other policies for some of the clients. Views of one " +
			"class share prepared answers. `ctl policy test NAME --client ADDRESS` tells what " +
			"one of them answers.",
		Args:              cobra.NoArgs,
		SuggestFor:        []string{"view", "tags"},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.call(cmd, "views")
		},
	}
}
