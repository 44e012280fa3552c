use crate::base::rules::rules;
use crate::domain::sandbox::*;

rules! {
    without_a_demand_the_wish_stays: SandboxWish::None.tightened(None) => SandboxWish::None;
    auto_stays_auto_without_a_demand: SandboxWish::Auto.tightened(None) => SandboxWish::Auto;
    some_sandbox_is_more_than_none: SandboxWish::None.tightened(Some(Demand::Auto)) => SandboxWish::Auto;
    some_sandbox_adds_nothing_to_auto: SandboxWish::Auto.tightened(Some(Demand::Auto)) => SandboxWish::Auto;
    some_sandbox_adds_nothing_to_landlock:
        SandboxWish::Landlock.tightened(Some(Demand::Auto)) => SandboxWish::Landlock;
    some_sandbox_adds_nothing_to_bubblewrap:
        SandboxWish::Bubblewrap.tightened(Some(Demand::Auto)) => SandboxWish::Bubblewrap;
    bubblewrap_is_more_than_none:
        SandboxWish::None.tightened(Some(Demand::Bubblewrap)) => SandboxWish::Bubblewrap;
    bubblewrap_is_more_than_auto:
        SandboxWish::Auto.tightened(Some(Demand::Bubblewrap)) => SandboxWish::Bubblewrap;
    bubblewrap_is_more_than_landlock:
        SandboxWish::Landlock.tightened(Some(Demand::Bubblewrap)) => SandboxWish::Bubblewrap;
    a_network_is_on_where_both_say_so: Network::On.and(Network::On) => Network::On;
    a_network_is_off_where_the_first_says_so: Network::Off.and(Network::On) => Network::Off;
    a_network_is_off_where_the_second_says_so: Network::On.and(Network::Off) => Network::Off;
    auto_is_read: "auto".parse() => Ok(SandboxWish::Auto);
    bubblewrap_is_read: "bubblewrap".parse() => Ok(SandboxWish::Bubblewrap);
    bubblewrap_is_read_by_its_program: "bwrap".parse() => Ok(SandboxWish::Bubblewrap);
    landlock_is_read: "landlock".parse() => Ok(SandboxWish::Landlock);
    none_is_read: "none".parse() => Ok(SandboxWish::None);
    another_word_is_refused_safely:
        "o\u{1b}ff".parse::<SandboxWish>()
        => Err("`o\\u{1b}ff` is no sandbox: auto, bubblewrap, landlock or none".to_owned());
    nothing_around_an_agent_is_told: SandboxUsed::NONE.to_string() => "none, network on";
}
