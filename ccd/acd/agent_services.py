"""What agents ask of the ACD: shifts, states, after-call work."""

from __future__ import annotations

from ccd.acd.from_settings import agent_queues
from ccd.acd.hall import Hall
from ccd.events import (
    AgentLoggedOn,
    WrappedUp,
)
from ccd.model import AgentState


class AgentServices(Hall):
    """The agents' verbs."""

    def log_on(self, agent: str, phone: str = "") -> None:
        """Begin an agent's shift at a phone (empty: the settings' one), not ready.

        Raises `AcdError`.
        """
        settings = self._settings_of(agent)
        queues = agent_queues(settings, self._queues.values())
        self._distributor.agent_log_on(
            agent,
            queues,
            self._loop.time(),
            skills=settings.skills,
            capacity=settings.capacity,
            rank=list(self._agents).index(agent),
        )
        self.forecasts.served_together(queues)
        self._phones[agent] = phone or settings.phone
        self._publish(AgentLoggedOn(agent=agent, phone=self._phones[agent], queues=queues))
        self._pump()
        self._staff_changed()

    def log_off(self, agent: str) -> None:
        """End an agent's shift, when the call in hand is over. Raises `AcdError`."""
        self._distributor.agent_log_off(agent, self._loop.time())
        self._pump()

    def ready(self, agent: str) -> None:
        """The agent takes calls. Raises `AcdError`."""
        self._check_wrapped_up(agent)
        self._distributor.agent_ready(agent, self._loop.time())
        self._pump()

    def not_ready(self, agent: str, reason: str) -> None:
        """The agent takes none, once the call in hand is over. Raises `AcdError`."""
        self._after_call.check_reason(reason)
        self._check_wrapped_up(agent)
        self._distributor.agent_not_ready(agent, reason, self._loop.time())
        self._pump()

    def wrap_up_done(self, agent: str) -> None:
        """The agent ends wrap-up before its time. Raises `AcdError`."""
        self._check_wrapped_up(agent)
        self._distributor.wrap_up_done(agent, self._loop.time())
        self._pump()

    def next_state(self, agent: str, state: AgentState, reason: str = "") -> None:
        """Say what the agent shall be when what he has in hand is over. Raises `AcdError`.

        READY takes back what he asked for before, WRAP_UP has him wrap up whatever the queue says;
        NOT_READY (for `reason`) and LOGGED_OUT follow wrap-up, where there is one.
        """
        if state is AgentState.NOT_READY:
            self._after_call.check_reason(reason)
        self._distributor.next_state(agent, state, reason, self._loop.time())
        self._pump()

    def wrap_up(self, agent: str, disposition: str, notes: str = "") -> str:
        """The agent says what came of his call, now or until he answers the next; return the call's id.

        It does not end wrap-up that has time left; said again, the later word counts. Raises
        `AcdError`: no call yet, or no such disposition.
        """
        view = self._distributor.agent(agent)
        call = self._after_call.says(agent, disposition)
        self._publish(WrappedUp(agent=agent, call=call, disposition=disposition, notes=notes))
        if view.state is AgentState.WRAP_UP and self._after_call.is_last(agent, view.contact or ""):
            queue = self._after_call.queue_of(agent)
            if queue in self._queues and self._queues[queue].wrap_up_requires_disposition:
                now = self._loop.time()
                left = self._after_call.left(agent, self._queues, now)
                self._distributor.wrap_up_limit(agent, left, now)
                self._pump()
        return call

    def _check_wrapped_up(self, agent: str) -> None:
        """Raises `AcdError` where an agent in wrap-up may not leave it yet."""
        if self._distributor.agent(agent).state is AgentState.WRAP_UP:
            self._after_call.check_done(agent, self._queues)
