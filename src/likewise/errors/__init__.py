"""Every mistake a user can make, each with its own sentence: what was found, what is needed, what to do.

LikewiseError
├── (one class a situation, below; those with children:)
├── WriteError                  the disk refused
│   └── FullDiskError           the disk has no room
├── BrokenFileError             a file cannot be read as what it should be
│   └── BrokenCheckpointError   a saved folder does not match its manifest
├── ImageFileError              a file is no readable photo
│   └── ImageTooLargeError      refused by its header, before anything is decoded
├── NonFiniteError              training went to inf or nan; the last good state is kept
│   ├── NonFiniteLossError
│   └── NonFiniteStateError
└── Interrupted                 Ctrl-C; the last completed step is saved; exit code 130
LikewiseWarning
└── (one class for each thing done otherwise than asked)
"""

from likewise.errors.concepts import BaseNeededError as BaseNeededError
from likewise.errors.concepts import BrokenConceptWarning as BrokenConceptWarning
from likewise.errors.concepts import ConceptClashError as ConceptClashError
from likewise.errors.concepts import ConceptClashWarning as ConceptClashWarning
from likewise.errors.concepts import ConceptFolderError as ConceptFolderError
from likewise.errors.concepts import ConceptFormatError as ConceptFormatError
from likewise.errors.concepts import ConceptNameError as ConceptNameError
from likewise.errors.concepts import ForeignLayoutError as ForeignLayoutError
from likewise.errors.concepts import ForeignLoraError as ForeignLoraError
from likewise.errors.concepts import ImportFilesError as ImportFilesError
from likewise.errors.concepts import NameTakenError as NameTakenError
from likewise.errors.concepts import NoTriggerWarning as NoTriggerWarning
from likewise.errors.concepts import UnsafeFileError as UnsafeFileError
from likewise.errors.concepts import WordFileError as WordFileError
from likewise.errors.concepts import WrongBaseError as WrongBaseError
from likewise.errors.contrastive import BareLeftOutWarning as BareLeftOutWarning
from likewise.errors.contrastive import CaptionsNeededError as CaptionsNeededError
from likewise.errors.contrastive import IdleRuleWarning as IdleRuleWarning
from likewise.errors.contrastive import LabelsMissingError as LabelsMissingError
from likewise.errors.contrastive import NoTextTowerError as NoTextTowerError
from likewise.errors.contrastive import OneClassError as OneClassError
from likewise.errors.contrastive import PictureMemoryError as PictureMemoryError
from likewise.errors.contrastive import SmallBatchError as SmallBatchError
from likewise.errors.contrastive import TeacherInputError as TeacherInputError
from likewise.errors.contrastive import TeacherRowsError as TeacherRowsError
from likewise.errors.files import BrokenCheckpointError as BrokenCheckpointError
from likewise.errors.files import BrokenFileError as BrokenFileError
from likewise.errors.files import FolderExistsError as FolderExistsError
from likewise.errors.files import FullDiskError as FullDiskError
from likewise.errors.files import OutputFolderError as OutputFolderError
from likewise.errors.files import UnsafeNameError as UnsafeNameError
from likewise.errors.files import WriteError as WriteError
from likewise.errors.graphs import BadRowsError as BadRowsError
from likewise.errors.graphs import CalendarError as CalendarError
from likewise.errors.graphs import FeatureError as FeatureError
from likewise.errors.graphs import ForecasterFolderError as ForecasterFolderError
from likewise.errors.graphs import LinkFileError as LinkFileError
from likewise.errors.graphs import MissingColumnError as MissingColumnError
from likewise.errors.graphs import NoNegativesError as NoNegativesError
from likewise.errors.graphs import NotFittedError as NotFittedError
from likewise.errors.graphs import SkippedRowsWarning as SkippedRowsWarning
from likewise.errors.graphs import TooFewSnapshotsError as TooFewSnapshotsError
from likewise.errors.graphs import UnexplainedModelError as UnexplainedModelError
from likewise.errors.graphs import UnknownDomainError as UnknownDomainError
from likewise.errors.graphs import UnknownNodeError as UnknownNodeError
from likewise.errors.graphs import WeakForecastWarning as WeakForecastWarning
from likewise.errors.judging import AddressError as AddressError
from likewise.errors.judging import JudgementError as JudgementError
from likewise.errors.judging import JudgementFileError as JudgementFileError
from likewise.errors.judging import NameKnownError as NameKnownError
from likewise.errors.judging import NoJudgementsError as NoJudgementsError
from likewise.errors.judging import RoomTakenError as RoomTakenError
from likewise.errors.judging import TooFewPicturesError as TooFewPicturesError
from likewise.errors.models import ChangedModelError as ChangedModelError
from likewise.errors.models import DifferentPictureWarning as DifferentPictureWarning
from likewise.errors.models import EncoderFolderError as EncoderFolderError
from likewise.errors.models import EncoderMissingError as EncoderMissingError
from likewise.errors.models import LoraCoverageWarning as LoraCoverageWarning
from likewise.errors.models import LoraFileError as LoraFileError
from likewise.errors.models import LoraTargetError as LoraTargetError
from likewise.errors.models import MemoryBudgetError as MemoryBudgetError
from likewise.errors.models import MixedEncodersError as MixedEncodersError
from likewise.errors.models import ModelFolderError as ModelFolderError
from likewise.errors.models import ModelNotFoundError as ModelNotFoundError
from likewise.errors.models import NonFiniteLatentsError as NonFiniteLatentsError
from likewise.errors.models import ToyboxMissingError as ToyboxMissingError
from likewise.errors.models import UnsupportedModelError as UnsupportedModelError
from likewise.errors.models import UnusualSizeWarning as UnusualSizeWarning
from likewise.errors.photos import AnimationWarning as AnimationWarning
from likewise.errors.photos import CaptionFileError as CaptionFileError
from likewise.errors.photos import CaptionWarning as CaptionWarning
from likewise.errors.photos import ColourProfileWarning as ColourProfileWarning
from likewise.errors.photos import ImageBatchError as ImageBatchError
from likewise.errors.photos import ImageFileError as ImageFileError
from likewise.errors.photos import ImageFolderError as ImageFolderError
from likewise.errors.photos import ImageTooLargeError as ImageTooLargeError
from likewise.errors.photos import MissingCaptionWarning as MissingCaptionWarning
from likewise.errors.photos import PictureMetadataError as PictureMetadataError
from likewise.errors.photos import SkippedFilesWarning as SkippedFilesWarning
from likewise.errors.photos import TooFewImagesError as TooFewImagesError
from likewise.errors.photos import UnusedCaptionWarning as UnusedCaptionWarning
from likewise.errors.prompts import IdentifierError as IdentifierError
from likewise.errors.prompts import NounError as NounError
from likewise.errors.prompts import NounSplitWarning as NounSplitWarning
from likewise.errors.prompts import PlaceholderError as PlaceholderError
from likewise.errors.prompts import PromptTooLongError as PromptTooLongError
from likewise.errors.prompts import UnknownConceptError as UnknownConceptError
from likewise.errors.root import LikewiseError as LikewiseError
from likewise.errors.root import LikewiseWarning as LikewiseWarning
from likewise.errors.root import nearest as nearest
from likewise.errors.runs import ChangedVersionsWarning as ChangedVersionsWarning
from likewise.errors.runs import ClassImagesMismatchError as ClassImagesMismatchError
from likewise.errors.runs import InitializerError as InitializerError
from likewise.errors.runs import Interrupted as Interrupted
from likewise.errors.runs import LastCheckpointWarning as LastCheckpointWarning
from likewise.errors.runs import LogGapWarning as LogGapWarning
from likewise.errors.runs import LongWordWarning as LongWordWarning
from likewise.errors.runs import NoCheckpointsError as NoCheckpointsError
from likewise.errors.runs import NonFiniteError as NonFiniteError
from likewise.errors.runs import NonFiniteLossError as NonFiniteLossError
from likewise.errors.runs import NonFiniteStateError as NonFiniteStateError
from likewise.errors.runs import NoStepsError as NoStepsError
from likewise.errors.runs import NotARunError as NotARunError
from likewise.errors.runs import NoTextEncoderWarning as NoTextEncoderWarning
from likewise.errors.runs import NothingToCompareError as NothingToCompareError
from likewise.errors.runs import NothingToLearnError as NothingToLearnError
from likewise.errors.runs import NothingToResumeError as NothingToResumeError
from likewise.errors.runs import PoolingWarning as PoolingWarning
from likewise.errors.runs import PreflightError as PreflightError
from likewise.errors.runs import ResumeMismatchError as ResumeMismatchError
from likewise.errors.runs import RunExistsError as RunExistsError
from likewise.errors.runs import SkippedCheckpointWarning as SkippedCheckpointWarning
from likewise.errors.runs import StillWordWarning as StillWordWarning
from likewise.errors.runs import TriggerCountError as TriggerCountError
from likewise.errors.runs import TriggerError as TriggerError
from likewise.errors.runs import UnlikeRunsWarning as UnlikeRunsWarning
from likewise.errors.sessions import AttentionTakenError as AttentionTakenError
from likewise.errors.sessions import ChangedSessionError as ChangedSessionError
from likewise.errors.sessions import DislikesIdleWarning as DislikesIdleWarning
from likewise.errors.sessions import NoEffectError as NoEffectError
from likewise.errors.sessions import NoSelfAttentionError as NoSelfAttentionError
from likewise.errors.sessions import NotAPictureError as NotAPictureError
from likewise.errors.sessions import NothingToUndoError as NothingToUndoError
from likewise.errors.sessions import NoVotesWarning as NoVotesWarning
from likewise.errors.sessions import SessionExistsError as SessionExistsError
from likewise.errors.sessions import SessionMissingError as SessionMissingError
from likewise.errors.sessions import SessionModelError as SessionModelError
from likewise.errors.sessions import SteeredPictureError as SteeredPictureError
from likewise.errors.sessions import UnknownResultError as UnknownResultError
from likewise.errors.sessions import UnknownRoundError as UnknownRoundError
from likewise.errors.settings import BadSettingError as BadSettingError
from likewise.errors.settings import DeviceError as DeviceError
from likewise.errors.settings import IdleSettingWarning as IdleSettingWarning
from likewise.errors.settings import MeasureError as MeasureError
from likewise.errors.settings import MissingExtraError as MissingExtraError
from likewise.errors.settings import SettingError as SettingError
from likewise.errors.settings import SettingsFileError as SettingsFileError
from likewise.errors.settings import ShapeError as ShapeError
from likewise.errors.settings import UnknownNameError as UnknownNameError
from likewise.errors.settings import UnknownSettingError as UnknownSettingError
from likewise.errors.trees import ForeignTreeError as ForeignTreeError
from likewise.errors.trees import NoAgreementError as NoAgreementError
from likewise.errors.trees import NoStepsKeptError as NoStepsKeptError
from likewise.errors.trees import NothingToSplitWarning as NothingToSplitWarning
from likewise.errors.trees import RootWordError as RootWordError
from likewise.errors.trees import SparseNodeWarning as SparseNodeWarning
from likewise.errors.trees import SplitNodeError as SplitNodeError
from likewise.errors.trees import TreeBaseError as TreeBaseError
from likewise.errors.trees import TreeFolderError as TreeFolderError
from likewise.errors.trees import TreesDifferError as TreesDifferError
from likewise.errors.trees import TreeSettingsError as TreeSettingsError
from likewise.errors.trees import TreeSourceError as TreeSourceError
from likewise.errors.trees import TreeTakenError as TreeTakenError
from likewise.errors.trees import UnknownTreeNodeError as UnknownTreeNodeError
from likewise.errors.trees import UnlikePhotosWarning as UnlikePhotosWarning
from likewise.errors.world import EmbeddedMismatchError as EmbeddedMismatchError
from likewise.errors.world import PackageError as PackageError
from likewise.errors.world import SpriteError as SpriteError
from likewise.errors.world import StageMismatchError as StageMismatchError
from likewise.errors.world import StageOrderError as StageOrderError
from likewise.errors.world import WorldFolderError as WorldFolderError
from likewise.errors.world import WorldMismatchError as WorldMismatchError
from likewise.errors.world import WorldMissingError as WorldMissingError
