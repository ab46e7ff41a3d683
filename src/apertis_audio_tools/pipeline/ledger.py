"""The ledger of a client: the prices of models, and what each request is charged."""

from collections.abc import Mapping
from dataclasses import dataclass

from apertis_audio_tools.api.catalogue import CatalogueModel, catalogue_call
from apertis_audio_tools.api.expenses import expected_expense, greatest_expense
from apertis_audio_tools.api.request import Request
from apertis_audio_tools.errors import ApertisError, ConfigurationError
from apertis_audio_tools.models import MODELS, Model, Price
from apertis_audio_tools.pipeline.accounts import Account, Charge
from apertis_audio_tools.pipeline.request_runner import RequestRunner, is_refusal

_CATALOGUE_SOURCE = "the service's own list of models"


class PriceList:
    """Prices of models: those set by the caller, else of the service's catalogue, else of a table.

    Args:
        requests: Runner of the request for the catalogue, which is not retried.
        base_url: Base URL of the API.
        table: Known models.
    """

    def __init__(self, requests: RequestRunner, base_url: str, table: Mapping[str, Model]) -> None:
        self._requests = requests.for_facts()
        self._call = catalogue_call(base_url)
        self._table = table
        self._clock = requests.retry.clock
        self._listed: dict[str, Price] | None = None

    def find(self, model: str) -> Price | None:
        """Return the price of a model, as far as it is known without asking."""
        row, usual = self._table.get(model), MODELS.get(model)
        known = row.price if row else None
        if known is not None and (usual is None or known != usual.price):
            return known
        return (self._listed or {}).get(model) or known

    def load(self) -> None:
        """Ask for the catalogue, unless that was done."""
        if self._listed is None:
            try:
                self._keep(self._requests.run(self._call))
            except ApertisError as error:
                self._keep_refusal(error)

    async def aload(self) -> None:
        """Async version of `load`."""
        if self._listed is None:
            try:
                self._keep(await self._requests.arun(self._call))
            except ApertisError as error:
                self._keep_refusal(error)

    def _keep(self, models: tuple[CatalogueModel, ...]) -> None:
        today = self._clock.today()
        self._listed = {
            each.name: Price(_CATALOGUE_SOURCE, today, per_hour=each.dollars_per_hour)
            for each in models
            if each.dollars_per_hour is not None
        }

    def _keep_refusal(self, error: ApertisError) -> None:
        """Do not ask again if there is no catalogue; other failures may pass."""
        if is_refusal(error):
            self._listed = {}


@dataclass(frozen=True, slots=True)
class ClientLedger:
    """Ledger of a client.

    Attributes:
        account: Account of all requests of the client.
        prices: Prices of models.
    """

    account: Account
    prices: PriceList

    def charge(self, request: Request, account: Account | None = None) -> Charge:
        """Return what a request is charged to the client, and to a call or batch.

        Raises:
            ConfigurationError: If there is a `max_cost`, and the cost cannot be known before.
        """
        if request.model is not None and self.limits_cost(account):
            self.prices.load()
        return self._charge(request, account)

    async def acharge(self, request: Request, account: Account | None = None) -> Charge:
        """Async version of `charge`."""
        if request.model is not None and self.limits_cost(account):
            await self.prices.aload()
        return self._charge(request, account)

    def limits_cost(self, account: Account | None = None) -> bool:
        """Return whether there is a limit on the cost."""
        accounts = (self.account, *(account.lineage if account else ()))
        return any(each.limits.max_cost is not None for each in accounts)

    def _charge(self, request: Request, account: Account | None) -> Charge:
        if request.model is None:
            return Charge()
        price = self.prices.find(request.model)
        greatest, expected = greatest_expense(request, price), expected_expense(request, price)
        if greatest.nanodollars is None and self.limits_cost(account):
            raise _unknown_price_error(request)
        accounts = (self.account, *(account.lineage if account else ()))
        return Charge(accounts, greatest, expected, price)


def _unknown_price_error(request: Request) -> ConfigurationError:
    if request.audio_seconds:
        problem = f"the price of an hour of audio for {request.model} is not known"
        remedy = "Use max_audio_seconds, or set the price of the model in models="
    elif request.characters:
        problem = f"the price of characters for {request.model} is not known"
        remedy = "Use a client without max_cost, or set the price of the model in models="
    else:
        problem = "the tokens of a chat are not known before"
        remedy = "Use a client without max_cost for chats"
    return ConfigurationError(
        f"max_cost cannot be kept, because {problem}; nothing was sent. {remedy}."
    )
