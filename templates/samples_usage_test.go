package templates_test

import (
	"strconv"
	"time"

	"claviger/templates"
)

func sampleUse(calls, addresses string, before time.Duration, from string) templates.UseLine {
	return templates.UseLine{Calls: calls, InUse: true, Addresses: addresses, LastUsed: ago(before), LastFrom: from, LastAgent: "curl/8.5"}
}

// sampleUsage is a credential that is used by day, and was refused for a while.
func sampleUsage() templates.UsageView {
	bars := func(n int, label func(i int) string) []templates.Bar {
		out := make([]templates.Bar, n)
		for i := range out {
			b := &out[i]
			b.Label = label(i)
			if i%7 < 5 {
				b.Accepted = int64(i*i%90 + 10)
			}
			if i == n/2 {
				b.Refused = 30
			}
			b.Text = b.Label + ": " + strconv.FormatInt(b.Accepted, 10) + " accepted, " + strconv.FormatInt(b.Refused, 10) + " refused"
		}
		return out
	}
	return templates.UsageView{
		Any: true,
		Hours: templates.ChartView{
			ID: "hours", Title: "By the hour", Unit: "Hour", Summary: "1,180 accepted, 30 refused since 15:00", Peak: "up to 99 an hour",
			Bars: bars(24, func(i int) string { return strconv.Itoa((i+15)%24) + ":00" }),
		},
		Days: templates.ChartView{
			ID: "days", Title: "By the day", Unit: "Day (UTC)", Summary: "35,112 accepted, 30 refused since 23 Oct", Peak: "up to 99 a day",
			Bars: bars(30, func(i int) string { return sampleNow.AddDate(0, 0, i-29).Format("2 Jan") }),
		},
		Addresses: []templates.CallerRow{
			{From: "10.0.3.7", Calls: "35,009", Refused: "0", Last: ago(2 * time.Minute)},
			{From: "2001:db8:85a3::8a2e:370:7334", Calls: "103", Refused: "30", Last: ago(50 * time.Hour)},
			{From: "other addresses, too many to name", Plain: true, Calls: "0", Refused: "4", Last: ago(70 * time.Hour)},
		},
		Agents:   []templates.CallerRow{{From: "curl/8.5", Calls: "35,009", Refused: "0", Last: ago(2 * time.Minute)}, {From: "none was given", Plain: true, Calls: "103", Refused: "30", Last: ago(50 * time.Hour)}},
		Refusals: []templates.RefusalRow{{Reason: "It came from an address that is not allowed", Count: "30", Last: on("19 Nov, 12:00–13:00", sampleNow.Add(-50*time.Hour))}},
	}
}

func usageSamples() []sample {
	frame := inManage("Basic credentials", templates.Link{Text: "Basic credentials"})
	view := templates.BasicUseView{
		Frame: frame, Application: "Orders", Username: "app_01jq7d3v9m2xk4t8e6w5r7k2f", Use: sampleUse("1,204", "3 addresses", 40*time.Second, "10.0.3.7"),
		Usage: sampleUsage(), Events: sampleEvents()[:1], DisableURL: sampleBase + "/basic/disable",
	}
	never := templates.BasicUseView{
		Frame: frame, Application: "Orders", Username: view.Username, Disabled: true, StateDetail: "on 18 November 2026, 14:08 by Jon Wu",
		Use: templates.UseLine{Calls: "0", LastUsed: templates.When{Text: "never"}},
	}
	return []sample{{name: "basic-use", page: templates.BasicUse(view)}, {name: "basic-use-none", page: templates.BasicUse(never)}}
}
