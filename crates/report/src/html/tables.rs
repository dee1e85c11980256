//! The tables of the page.

use maud::{Markup, html};

use crate::format::{Unit, count, decimals, show, show_some, words};
use crate::metrics::metrics;
use crate::summary::{Cost, Summary};
use crate::text::slo_unit;

/// The scenario's limits.
pub(super) fn slo(summary: &Summary) -> Markup {
    html! {
        div.card {
            h3 { "Limits" }
            p.about { "What the scenario asks for." }
            @if summary.slo.is_empty() {
                p.none { "The scenario sets no limits." }
            } @else {
                div.scroll { table {
                    thead { tr { th { "Figure" } th { "Limit" } th { "Measured" } th { "" } } }
                    tbody {
                        @for slo in &summary.slo {
                            @let unit = slo_unit(&slo.name);
                            tr {
                                td { (words(&slo.name)) }
                                td { (show(slo.limit, unit)) }
                                td { (show_some(slo.actual, unit)) }
                                td {
                                    @if slo.passed { span.badge.good { "kept" } } @else { span.badge.bad { "broken" } }
                                }
                            }
                        }
                    }
                } }
            }
        }
    }
}

/// Latencies by step.
pub(super) fn latency(summary: &Summary) -> Markup {
    let ms = |value| show_some(value, Unit::Milliseconds);
    html! {
        div.card {
            h3 { "Latency by step" }
            p.about { "Counted from the scheduled time." }
            div.scroll { table {
                thead { tr { th { "Step" } th { "Count" } th { "Mean" } th { "p50" } th { "p90" } th { "p99" } th { "p99.9" } th { "Max" } } }
                tbody {
                    @for (step, figures) in &summary.latency_ms {
                        tr {
                            td { (words(step)) } td { (count(figures.count)) } td { (ms(figures.mean)) }
                            td { (ms(figures.p50)) } td { (ms(figures.p90)) } td { (ms(figures.p99)) }
                            td { (ms(figures.p999)) } td { (ms(figures.max)) }
                        }
                    }
                }
            } }
        }
    }
}

/// Marketplace figures.
pub(super) fn market(summary: &Summary) -> Markup {
    let money = &summary.money;
    let shared = [
        ("drivers", money.driver_pay),
        ("platform", money.platform),
        ("fees", money.fees),
    ];
    html! {
        div.card {
            h3 { "Market" }
            p.about { "After the warm-up." }
            div.scroll { table { tbody {
                @for metric in metrics(summary).into_iter().filter(|m| m.group == "Market") {
                    tr {
                        td { (metric.name) }
                        td {
                            (show_some(metric.value, metric.unit))
                            @if metric.unit == Unit::Money { " " (money.currency) }
                        }
                    }
                    @if metric.name == "gross" && money.gross > 0.0 {
                        @for (who, amount) in shared {
                            tr { td.part { "of which to " (who) } td { (show(amount / money.gross, Unit::Share)) } }
                        }
                    }
                }
            } } }
        }
    }
}

/// Rides by product, where riders choose.
pub(super) fn products(summary: &Summary) -> Markup {
    let seconds = |value| show_some(value, Unit::Seconds);
    if summary.products.is_empty() {
        return html! {};
    }
    html! {
        section {
            h2 { "Products" }
            div.card {
                p.about { "What riders chose, after the warm-up. The wait is from the request to the driver's arrival." }
                div.scroll { table {
                    thead { tr { th { "Product" } th { "Requested" } th { "Completed" } th { "Cancelled" } th { "Unserved" } th { "Found a driver" } th { "Wait" } th { "Wait, p90" } th { "Way there" } th { "Riders pay" } th { "Drivers get" } } }
                    tbody {
                        @for (name, figures) in &summary.products {
                            tr {
                                td { (name) } td { (count(figures.requested)) } td { (count(figures.completed)) }
                                td { (count(figures.cancelled)) } td { (count(figures.unserved)) }
                                td { (show_some(figures.served_share, Unit::Share)) }
                                td { (seconds(figures.pickup.wait_s.mean)) } td { (seconds(figures.pickup.wait_s.p90)) }
                                td { (show_some(figures.pickup.distance_m.mean, Unit::Metres)) }
                                td { (show(figures.gross, Unit::Money)) } td { (show(figures.driver_pay, Unit::Money)) }
                            }
                        }
                    }
                } }
            }
        }
    }
}

/// Figures over several seeds, where there are.
pub(super) fn replicas(summary: &Summary) -> Markup {
    let Some(replicas) = &summary.replicas else {
        return html! {};
    };
    html! {
        section {
            h2 { "Over " (count(replicas.n)) " paired seeds" }
            div.card {
                p.about { "Means, and half the widths of their 95 % intervals. All else on this page is of the first seed." }
                div.scroll { table { tbody {
                    @for followed in crate::replicas::FOLLOWED {
                        @if let Some(interval) = replicas.figures.get(followed.key) {
                            tr { td { (followed.words) } td { (interval.show(followed.unit)) } }
                        }
                    }
                } } }
            }
        }
    }
}

/// Functions, queues, tables, services, the load generator, and what they cost.
pub(super) fn infrastructure(summary: &Summary) -> Markup {
    html! {
        section {
            h2 { "Infrastructure" }
            div.stack {
                @if !summary.functions.is_empty() { (functions(summary)) }
            }
            div.grid.after {
                @if !summary.queues.is_empty() { (queues(summary)) }
                @if !summary.tables.is_empty() { (tables(summary)) }
                div.stack.top {
                    @if !summary.containers.is_empty() { (containers(summary)) }
                    (load(summary))
                }
                @if let Some(cost) = &summary.cost_usd { (costs(cost, summary.prices_as_of.as_deref())) }
            }
        }
    }
}

fn functions(summary: &Summary) -> Markup {
    html! {
        div.card {
            h3 { "Functions" }
            p.about { "Calls, and how long they ran." }
            div.scroll { table {
                thead { tr { th { "Function" } th { "Calls" } th { "Errors" } th { "Cold starts" } th { "Throttles" } th { "At once, max" } th { "p50" } th { "p99" } th { "Billed" } } }
                tbody {
                    @for (name, function) in &summary.functions {
                        tr {
                            td { (name) } td { (count(function.invocations)) } td { (count(function.errors)) }
                            td { (count(function.cold_starts)) } td { (count(function.throttles)) } td { (count(function.concurrency_max)) }
                            td { (show_some(function.duration_ms.p50, Unit::Milliseconds)) }
                            td { (show_some(function.duration_ms.p99, Unit::Milliseconds)) }
                            td { (show(function.billed_ms as f64 / 1_000.0, Unit::Seconds)) }
                        }
                    }
                }
            } }
        }
    }
}

fn queues(summary: &Summary) -> Markup {
    html! {
        div.card {
            h3 { "Queues" }
            p.about { "Messages." }
            div.scroll { table {
                thead { tr { th { "Queue" } th { "Sent" } th { "Again" } th { "Given up" } th { "Oldest" } th { "Deepest" } } }
                tbody {
                    @for (name, queue) in &summary.queues {
                        tr {
                            td { (name) } td { (count(queue.sent)) } td { (count(queue.redelivered)) } td { (count(queue.dead_lettered)) }
                            td { (show_some(queue.age_max_s, Unit::Seconds)) } td { (count(queue.depth_max)) }
                        }
                    }
                }
            } }
        }
    }
}

fn tables(summary: &Summary) -> Markup {
    html! {
        div.card {
            h3 { "Tables" }
            p.about { "Units consumed, and conditional writes that lost." }
            div.scroll { table {
                thead { tr { th { "Table" } th { "Read" } th { "Written" } th { "Throttles" } th { "Lost" } } }
                tbody {
                    @for (name, table) in &summary.tables {
                        tr {
                            td { (name) } td { (decimals(table.read_units, 0)) } td { (decimals(table.write_units, 0)) }
                            td { (count(table.throttles)) } td { (count(table.conditional_failures)) }
                        }
                    }
                }
            } }
        }
    }
}

fn containers(summary: &Summary) -> Markup {
    html! {
        div.card {
            h3 { "Services" }
            p.about { "Long-running containers." }
            div.scroll { table {
                thead { tr { th { "Service" } th { "Tasks, max" } th { "CPU, mean" } th { "Messages" } } }
                tbody {
                    @for (name, container) in &summary.containers {
                        tr {
                            td { (name) } td { (count(container.tasks_max)) }
                            td { (show_some(container.cpu_share_mean, Unit::Share)) } td { (count(container.messages)) }
                        }
                    }
                }
            } }
        }
    }
}

fn load(summary: &Summary) -> Markup {
    let load = &summary.load;
    let lag = load.schedule_lag_ms.p99;
    html! {
        div.card {
            h3 { "Load generator" }
            p.about { "Open loop: what was due was sent, whether or not the system kept up." }
            div.scroll { table { tbody {
                tr { td { "Requests due" } td { (count(load.offered)) } }
                tr { td { "sent" } td { (count(load.sent)) } }
                tr { td { "answered well" } td { (count(load.completed)) } }
                tr { td { "failed" } td { (count(load.errors)) } }
                @for (kind, number) in &load.errors_by_kind {
                    tr { td.part { (words(kind)) } td { (count(*number)) } }
                }
                tr { td { "dropped" } td { (count(load.dropped)) } }
                tr { td { "in flight at once, max" } td { (count(load.in_flight_max)) } }
                tr { td { "Schedule lag, p99" } td { (show_some(lag, Unit::Milliseconds)) } }
                tr { td { "Driver streams" } td { (count(load.streams)) " over " (count(load.stream_connections)) } }
                tr { td { "Pings" } td { (count(load.pings)) } }
            } } }
        }
    }
}

fn costs(cost: &Cost, as_of: Option<&str>) -> Markup {
    let mut parts: Vec<_> = cost.by_component.iter().collect();
    parts.sort_by(|a, b| b.1.total_cmp(a.1));
    html! {
        div.card {
            h3 { "Cost on AWS" }
            p.about { (cost.basis) @if let Some(date) = as_of { " Prices as of " (date) "." } }
            div.scroll { table {
                thead { tr { th { "Component" } th { "This run" } th { "Share" } } }
                tbody {
                    @for (name, dollars) in parts {
                        tr { td { (name) } td { (show(*dollars, Unit::Dollars)) } td { (show(dollars / cost.total.max(f64::MIN_POSITIVE), Unit::Share)) } }
                    }
                    tr.total { td { "Total" } td { (cost.show(Some(cost.total))) } td {} }
                    tr { td { "For each completed ride" } td { (cost.show(cost.per_completed_ride)) } td {} }
                    tr { td { "A month at this load" } td { (cost.show(cost.per_month_at_this_load)) } td {} }
                }
            } }
            @if let Some(note) = cost.footnote() { p.about { (note) } }
        }
    }
}

/// Violations shown on the page; the summary lists more.
const VIOLATIONS_SHOWN_MAX: usize = 50;

/// Each rule of the audit, and what broke it.
pub(super) fn audit(summary: &Summary) -> Markup {
    let audit = &summary.audit;
    html! {
        section {
            h2 { "Audit" }
            div.card.scroll { table {
                thead { tr { th { "Rule" } th.text { "What must always hold" } th { "Checked" } th { "Violations" } } }
                tbody {
                    @for rule in &audit.rules {
                        tr {
                            td { code { (rule.rule) } }
                            td.text { (rule.sentence) }
                            td { (count(rule.checked)) }
                            td {
                                @if rule.violations == 0 { span.badge.good { "none" } }
                                @else { span.badge.bad { (count(rule.violations)) } }
                            }
                        }
                    }
                }
            } }
            @if !audit.violations.is_empty() {
                div.card.scroll.after {
                    h3 { "Violations" }
                    p.about { "The first " (audit.violations.len().min(VIOLATIONS_SHOWN_MAX)) " of " (count(audit.violations_count())) "." }
                    table {
                        thead { tr { th { "Rule" } th.text { "Trip" } th.text { "Driver" } th.text { "Found" } } }
                        tbody {
                            @for violation in audit.violations.iter().take(VIOLATIONS_SHOWN_MAX) {
                                tr {
                                    td { code { (violation.rule) } }
                                    td.text { code { (violation.trip.as_deref().unwrap_or("–")) } }
                                    td.text { (violation.driver.as_deref().unwrap_or("–")) }
                                    td.text { (violation.detail) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
