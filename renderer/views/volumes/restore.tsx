import { computed, defineComponent, onMounted, reactive, ref, shallowRef, type VNode } from 'vue';
import type { BackupFileDocument } from '../../../contracts/bridge.ts';
import { messageOf } from '../../../contracts/errors.ts';
import { button, checkField, dialog, selectField } from '../../components/index.ts';
import { byteSize } from '../../model/index.ts';
import { t, useBackups, useNotices, usePreferences, useTasks, useVolumes } from '../../stores/index.ts';
import type { VolumeUsage } from './usage.ts';

/** Asks which backup of a volume is wanted, and puts it back. */
export const RestoreDialog = defineComponent(
  (props: { volume: string; usage: VolumeUsage; close: () => void }) => {
    const backups = useBackups();
    const files = shallowRef<readonly BackupFileDocument[]>();
    const form = reactive({ file: '', saveFirst: true });
    const problem = ref('');
    const isThere = computed(() => useVolumes().items.some(({ Name }) => Name === props.volume));
    const running = computed(() => props.usage.usersOf(props.volume).filter(user => user.running));

    onMounted(async () => {
      try {
        files.value = await backups.files(props.volume);
        form.file = files.value[0]?.name ?? '';
      } catch (error) {
        problem.value = messageOf(error);
      }
    });

    function restore(): void {
      const { volume, usage } = props;
      const title = t().backups.restoreTitle(volume);
      const work = backups.restore(title, { volume, file: form.file, saveFirst: form.saveFirst && isThere.value });
      const told = work.then(() => {
        useNotices().tell(t().backups.restored(volume));
        return usage.measure();
      });
      useTasks().quietly(title, told);
      props.close();
    }

    const nameOf = ({ time, bytes }: BackupFileDocument): string => {
      const styles = { dateStyle: 'medium', timeStyle: 'medium' } as const;
      return `${new Date(time).toLocaleString(usePreferences().language, styles)}, ${byteSize(bytes)}`;
    };
    const content = (): VNode => {
      const texts = t().backups;
      if (files.value?.length === 0) return <p>{texts.noFiles(backups.of(props.volume)?.folder ?? '')}</p>;
      return (
        <div class="fields">
          <div class="wide">
            {selectField<string>({
              ...{ id: 'restore-file', label: texts.which, value: form.file },
              choices: Object.fromEntries((files.value ?? []).map(file => [file.name, nameOf(file)])),
              change: value => {
                form.file = value;
              },
            })}
          </div>
          <p class="wide soft">{isThere.value ? texts.restoreText : texts.restoreGone}</p>
          {running.value.length > 0 && (
            <p class="wide">{texts.restoreStops(running.value.map(({ name }) => name).join(', '))}</p>
          )}
          {isThere.value && (
            <div class="wide">
              {checkField(texts.saveFirst, form.saveFirst, is => {
                form.saveFirst = is;
              })}
            </div>
          )}
          {problem.value && (
            <p class="wide error-text" role="alert">
              {problem.value}
            </p>
          )}
        </div>
      );
    };
    const footer = (): VNode[] => [
      button({ label: t().common.cancel, onClick: props.close }),
      button({
        ...{ label: t().backups.restore, kind: 'primary', submit: true, onClick: () => undefined },
        disabled: form.file === '',
      }),
    ];

    return () =>
      dialog({
        ...{ title: t().backups.restoreTitle(props.volume), open: true, close: props.close, content, footer },
        submit: restore,
      });
  },
  { props: ['volume', 'usage', 'close'] },
);
