import { computed, defineComponent, reactive, ref, type VNode } from 'vue';
import { messageOf } from '../../../contracts/errors.ts';
import { age, button, dialog, selectField, stateDot, textField } from '../../components/index.ts';
import { t, useBackups, useNotices } from '../../stores/index.ts';

type Every = '1' | '6' | '24' | '168';

/** Asks how often a volume is backed up, where to, and how many backups stay. */
export const BackupDialog = defineComponent(
  (props: { volume: string; close: () => void }) => {
    const backups = useBackups();
    const before = backups.of(props.volume);
    const form = reactive({
      folder: before?.folder ?? '',
      every: String(before?.everyHours ?? 24) as Every,
      keep: String(before?.keep ?? 7),
    });
    const problem = ref('');
    const busy = ref(false);
    const plan = computed(() => backups.of(props.volume));

    async function attempt(work: () => Promise<unknown>): Promise<void> {
      busy.value = true;
      problem.value = '';
      try {
        await work();
      } catch (error) {
        problem.value = messageOf(error);
      } finally {
        busy.value = false;
      }
    }
    const save = (): Promise<void> => {
      const { folder, every, keep } = form;
      return attempt(async () => {
        await backups.keep({ volume: props.volume, folder, everyHours: Number(every), keep: Number(keep) });
        props.close();
      });
    };
    const drop = (): Promise<void> =>
      attempt(async () => {
        await backups.drop(props.volume);
        props.close();
      });
    const now = (): Promise<void> =>
      attempt(async () => useNotices().tell(t().backups.made(await backups.now(props.volume))));

    const choices = (): Record<string, string> => {
      const texts: Record<string, string> = t().backups.everyNames;
      return form.every in texts ? texts : { [form.every]: t().backups.hours(form.every), ...texts };
    };
    const last = (): VNode | undefined => {
      if (plan.value?.tried === undefined) return undefined;
      const failed = plan.value.problem !== '';
      return (
        <p class="wide row">
          {stateDot(failed ? 'failed' : 'running', failed ? plan.value.problem : t().backups.last)}
          {age(plan.value.tried)}
        </p>
      );
    };

    const content = (): VNode => (
      <div class="fields">
        <p class="wide soft">{t().backups.hint}</p>
        {textField({
          ...{ id: 'backup-folder', label: t().backups.folder, hint: t().backups.folderHint, wide: true, focus: true },
          value: form.folder,
          change: value => {
            form.folder = value;
          },
        })}
        {selectField({
          ...{ id: 'backup-every', label: t().backups.every, value: form.every as string, choices: choices() },
          change: value => {
            form.every = value as Every;
          },
        })}
        {textField({
          ...{ id: 'backup-keep', label: t().backups.keep, value: form.keep },
          change: value => {
            form.keep = value;
          },
        })}
        {last()}
        <p class="wide error-text" role="alert">
          {problem.value}
        </p>
      </div>
    );

    const footer = (): VNode[] => [
      ...(plan.value
        ? [
            button({ label: t().backups.stop, kind: 'danger', disabled: busy.value, onClick: () => void drop() }),
            button({ label: t().backups.now, disabled: busy.value, onClick: () => void now() }),
          ]
        : []),
      button({ label: t().common.cancel, onClick: props.close }),
      button({ label: t().common.save, kind: 'primary', submit: true, disabled: busy.value, onClick: () => undefined }),
    ];

    return () =>
      dialog({
        ...{ title: t().backups.title(props.volume), open: true, close: props.close, content, footer },
        submit: () => void save(),
      });
  },
  { props: ['volume', 'close'] },
);
