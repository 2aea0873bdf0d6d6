package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"bailiwick/internal/discovery"
	"bailiwick/internal/snapshot"
)

func dnrCommand() *cobra.Command {
	var lifetime time.Duration
	cmd := &cobra.Command{
		Use: "dnr FILE",
		Short: "Print the options that tell a network's clients of the encrypted transports (RFC " +
			"9463)",
		Long: "Print the options of DHCPv4, DHCPv6 and router advertisements that tell clients " +
			"of the encrypted transports in a configuration (RFC 9463), as octets and\n" +
			"as lines for dnsmasq and Kea. The name is that of the certificate, the addresses " +
			"are those of the listeners, unless discovery.name and discovery.addresses say " +
			"otherwise.",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeConfig,
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, found := readConfig(args[0])
			certs, more := snapshot.LoadCertificates(cfg)
			if err := refuse(cmd.ErrOrStderr(), args[0], append(found, more...)); err != nil {
				return err
			}
			d := designate(cfg, configured(cfg), certs)
			if certs != nil && len(certs.All()) == 0 { // an authority issues it to the server
				d = designateBy(cfg, d, configured(cfg), expected(&cfg.ACME))
			}
			return printDNR(cmd.OutOrStdout(), &d, lifetime)
		},
	}
	cmd.Flags().DurationVar(&lifetime, "lifetime", 30*time.Minute,
		"how long clients keep what a router advertises")
	return cmd
}

// printDNR prints all options that can be made; it is an error if there is none.
func printDNR(out io.Writer, d *discovery.Designation, lifetime time.Duration) error {
	for i, e := range d.Endpoints {
		fmt.Fprintf(out, "# %d: %s %s %v\n", i+1, d.Name, e.Text(), e.Addrs)
	}
	v4, err4 := d.DHCPv4()
	if err4 != nil {
		fmt.Fprintf(out, "# DHCPv4: none: %v\n", err4)
	} else {
		fmt.Fprintf(out, "\n# DHCPv4, option %d\noctets: %x\ndnsmasq: dhcp-option=%d,%s\n"+
			"kea: {\"code\": %d, \"csv-format\": false, \"data\": \"%X\"}\n",
			discovery.DHCPv4Option, v4, discovery.DHCPv4Option, colons(v4), discovery.DHCPv4Option,
			v4)
	}
	v6, err6 := d.DHCPv6()
	if err6 != nil {
		fmt.Fprintf(out, "# DHCPv6 and router advertisements: none: %v\n", err6)
	}
	for i, o := range v6 {
		fmt.Fprintf(out, "\n# DHCPv6, option %d, %d of %d\noctets: %x\n"+
			"dnsmasq: dhcp-option=option6:%d,%s\n"+
			"kea: {\"code\": %d, \"csv-format\": false, \"data\": \"%X\"}\n",
			discovery.DHCPv6Option, i+1, len(v6), o, discovery.DHCPv6Option, colons(o),
			discovery.DHCPv6Option, o)
	}
	if err6 == nil {
		ra, err := d.RA(lifetime)
		if err != nil {
			return err
		}
		for i, o := range ra {
			fmt.Fprintf(out, "\n# router advertisement, option %d, %d of %d, type and length "+
				"included\noctets: %x\n", discovery.RAOption, i+1, len(ra), o)
		}
	}
	if err4 != nil && err6 != nil {
		return err4
	}
	return nil
}

// colons returns octets in dnsmasq's form.
func colons(b []byte) string {
	parts := make([]string, len(b))
	for i := range b {
		parts[i] = hex.EncodeToString(b[i : i+1])
	}
	return strings.Join(parts, ":")
}
