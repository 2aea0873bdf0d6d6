// The adapters of Windows, by PowerShell.

package install

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"unicode"

	"bailiwick/internal/pattern"
)

// PowerShell are the network adapters of Windows. They are known by their GUID: names are localized
// and change, and numbers do at the next start (razvandimescu/numa 160).
type PowerShell struct{ Output Output }

// powershell is a command of PowerShell. No script has double quotes in it, which Windows has no
// one rule for.
func powershell(script string) []string {
	return []string{"powershell.exe", "-NoProfile", "-NonInteractive", "-Command",
		"$ErrorActionPreference = 'Stop'; " + script}
}

// settings is the key of the registry with the settings of an adapter for a family.
const settings = `HKLM:\SYSTEM\CurrentControlSet\Services\%s\Parameters\Interfaces\`

// listAdapters prints the adapters of hardware, and those by which Hyper-V shares one (vms_mp),
// with the servers that were set by hand: the registry has them, and Get-DnsClientServerAddress
// does not tell them from those of DHCP, nor from the site-local ones that Windows makes up.
// Whether the address is DHCP's says nothing of the servers (razvandimescu/numa 160).
var listAdapters = `[Console]::OutputEncoding = New-Object Text.UTF8Encoding $false; ` +
	`function Set-ByHand($family, $id) { (Get-ItemProperty -ErrorAction Ignore ` +
	`('` + strings.Replace(settings, "%s", `' + $family + '`, 1) + `' + $id)).NameServer }; ` +
	`function Show($id, $name, $v4, $v6) { [pscustomobject]@{ id = $id; name = $name; ` +
	`ipv4 = $v4; ipv6 = $v6; servers4 = Set-ByHand 'Tcpip' $id; ` +
	`servers6 = Set-ByHand 'Tcpip6' $id } }; ` +
	`$there = @(Get-NetAdapter | Where-Object { $_.HardwareInterface -or ` +
	`$_.ComponentID -eq 'vms_mp' } | ForEach-Object { $n = $_.ifIndex; ` +
	`Show $_.InterfaceGuid $_.Name ` +
	`([bool](Get-NetIPInterface -InterfaceIndex $n -AddressFamily IPv4 -ErrorAction Ignore)) ` +
	`([bool](Get-NetIPInterface -InterfaceIndex $n -AddressFamily IPv6 -ErrorAction Ignore)) } | ` +
	`Where-Object { $_.ipv4 -or $_.ipv6 }); `

// guid is the form of an adapter's identifier: it becomes a part of scripts.
var guid = pattern.New(`^\{[0-9A-Fa-f-]{36}\}$`)

// List returns the adapters that have IPv4 or IPv6. One that was known and is not plugged in has
// its settings in the registry.
func (p PowerShell) List(ids ...string) (links []Uplink, err error) {
	script := listAdapters
	for _, id := range ids {
		if !guid.In(id) {
			return nil, fmt.Errorf("%.64q is no adapter", id)
		}
		script += `if (@($there | Where-Object { $_.id -eq '` + id + `' }).Count -eq 0 -and ` +
			`(Test-Path ('` + fmt.Sprintf(settings, "Tcpip") + id + `'))) ` +
			`{ $there += Show '` + id + `' '` + id + `' $true $true }; `
	}
	text, err := p.Output(powershell(script + `ConvertTo-Json -Compress -InputObject $there`))
	if err != nil {
		return nil, err
	}
	var all []struct {
		ID       string `json:"id"`
		Name     string `json:"name"`
		IPv4     bool   `json:"ipv4"`
		IPv6     bool   `json:"ipv6"`
		Servers4 string `json:"servers4"`
		Servers6 string `json:"servers6"`
	}
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("PowerShell's list of adapters: %w", err)
	}
	for _, a := range all {
		if !guid.In(a.ID) {
			return nil, fmt.Errorf("%.64q is no adapter", a.ID)
		}
		links = append(links, Uplink{ID: a.ID, Name: a.Name, IPv4: a.IPv4, IPv6: a.IPv6,
			Servers: parseServers(strings.FieldsFunc(a.Servers4+" "+a.Servers6, func(r rune) bool {
				return r == ',' || unicode.IsSpace(r) // NameServer is a list of either form
			}))})
	}
	return links, nil
}

// Set sets the servers of an adapter, of both families at once: first all are taken away, as those
// of a family that is not named stay (razvandimescu/numa 182). The settings of one that is not
// plugged in are in the registry alone.
func (p PowerShell) Set(l *Uplink, servers []netip.Addr) error {
	if !guid.In(l.ID) {
		return fmt.Errorf("%.64q is no adapter", l.ID)
	}
	var all, v4, v6 []string
	for _, a := range servers {
		if all = append(all, "'"+a.String()+"'"); a.Is4() {
			v4 = append(v4, a.String())
		} else {
			v6 = append(v6, a.String())
		}
	}
	script := `$a = @(Get-NetAdapter -IncludeHidden | Where-Object { $_.InterfaceGuid -eq '` +
		l.ID + `' }); if ($a.Count -gt 0) { ` +
		`Set-DnsClientServerAddress -InterfaceIndex $a[0].ifIndex -ResetServerAddresses; `
	if len(all) > 0 {
		script += `Set-DnsClientServerAddress -InterfaceIndex $a[0].ifIndex -ServerAddresses @(` +
			strings.Join(all, ", ") + `); `
	}
	script += `} else { `
	for _, f := range []struct {
		family  string
		servers []string
	}{{"Tcpip", v4}, {"Tcpip6", v6}} {
		script += `Set-ItemProperty -ErrorAction Ignore -Path '` + fmt.Sprintf(settings, f.family) +
			l.ID + `' -Name NameServer -Value '` + strings.Join(f.servers, ",") + `'; `
	}
	_, err := p.Output(powershell(script + `}`))
	return err
}
